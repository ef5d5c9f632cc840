# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Options that say what becomes of hazards, and what AWS cannot say of the application."""

from __future__ import annotations


class ModuleDocFragment:
    """The options of rules/hazards.OPTIONS."""

    DOCUMENTATION = r"""
options:
  hazards:
    description:
      - What becomes of a hazard, that is, of settings with which the deployment would harm users. V(warn) makes it a
        finding, V(refuse) a failed check.
    type: str
    choices: [warn, refuse]
    default: warn
  hazards_refused:
    description: Names of hazards that are refused in any case.
    type: list
    elements: str
    default: []
  hazards_allowed:
    description: Names of hazards that are meant, so that they are neither refused nor warned of.
    type: list
    elements: str
    default: []
  application:
    description:
      - What AWS cannot say of the application, in seconds. Hazards that need a value which is not given are not judged.
    type: dict
    default: {}
    suboptions:
      slowest_answer: {description: How long the slowest answer takes., type: float}
      longest_stream: {description: How long a stream may be open., type: float}
      work_after: {description: How long work goes on after its answer was sent., type: float}
      start: {description: From the start of a task until its health check is answered well., type: float}
      keep_alive: {description: How long the application keeps an idle connection., type: float}
      idle_timeout: {description: The load balancer's idle timeout; 60 unless given., type: float}
"""
