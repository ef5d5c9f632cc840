# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Options that say what a one-off task does."""

from __future__ import annotations


class ModuleDocFragment:
    """The options of edges/job.OPTIONS that mean the same in each module."""

    DOCUMENTATION = r"""
options:
  container:
    description: The container that does the work. The default is the one that the load balancer asks, else the first
      essential one. It must be essential.
    type: str
  command:
    description: Command in the place of the image's.
    type: list
    elements: str
    default: []
  environment:
    description: Variables over those of the revision.
    type: dict
    default: {}
  wait_delay:
    description: Seconds between two looks.
    type: int
    default: 5
    choices: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]
"""
