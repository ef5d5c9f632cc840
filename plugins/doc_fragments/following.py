# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Options of the operator's verbs that follow a deployment to its end."""

from __future__ import annotations


class ModuleDocFragment:
    """Read by ansible-doc."""

    DOCUMENTATION = r"""
options:
  wait_timeout:
    description: Seconds to watch. After that the outcome is V(interrupted), and the same task watches again.
    type: int
    default: 1800
  wait_delay:
    description: Seconds between two looks.
    type: int
    default: 5
    choices: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]
  stable_seconds:
    description: Seconds for which the tasks must stay up and healthy.
    type: int
    default: 10
"""
