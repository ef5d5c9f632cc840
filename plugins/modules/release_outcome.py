#!/usr/bin/python
# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: release_outcome
short_description: Decide what a run has come to
version_added: 0.1.0
description:
  - Chooses the outcome of a run from the registered results of its steps, and whether what it changed is to be put
    back. Calls nothing and writes nothing.
author:
  - The steady.ecs authors (@steady-ecs)
options:
  plan:
    description: The registered result that holds the differences found before the first write.
    type: dict
    default: {}
  opened:
    description: The registered result of M(steady.ecs.release) with O(steady.ecs.release#module:state=opened).
    type: dict
    default: {}
  deployment:
    description: The registered result of M(steady.ecs.deployment).
    type: dict
    default: {}
  health:
    description: The registered result of M(steady.ecs.service_health).
    type: dict
    default: {}
  failure:
    description: The result of the first task that failed.
    type: dict
    default: {}
  restored:
    description: The registered result of M(steady.ecs.service_health) after a rollback.
    type: dict
    default: {}
  undoing:
    description: The registered results of the steps of a rollback, in their order.
    type: list
    elements: dict
    default: []
  stay:
    description: Leave a failed release as it is, to be looked at.
    type: bool
    default: false
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Decide what the run has come to
  steady.ecs.release_outcome:
    opened: "{{ release_opened }}"
    deployment: "{{ rollout_deployment }}"
    health: "{{ health_result }}"
  register: report_outcome
"""

RETURN = r"""
outcome:
  description: The run's last word.
  returned: always
  type: str
  sample: proven
detail:
  description: The outcome in one sentence; after a failure its cause, last.
  returned: always
  type: str
  sample: pardon-production-service runs pardon-simulator:75, 3/3 healthy
release:
  description: Number of the release that the run opened, or null.
  returned: always
  type: int
  sample: 2
rolls_back:
  description: Whether what the run changed is to be put back.
  returned: always
  type: bool
  sample: false
closes:
  description: Whether the release record is to be closed. An interrupted release stays open for the next run.
  returned: always
  type: bool
  sample: true
puts_back_attributes:
  description: Whether attributes that still hold what the run gave them go back, and nothing else does.
  returned: always
  type: bool
  sample: false
notes:
  description: Whether the record is to be told anything. That of a run whose lease is lost belongs to another run.
  returned: always
  type: bool
  sample: true
state:
  description: What it is told, as O(steady.ecs.release#module:state); null when nothing.
  returned: always
  type: str
  sample: closed
closing:
  description: What the record keeps, as arguments of M(steady.ecs.release).
  returned: always
  type: dict
  sample: {outcome: proven, verdict: succeeded}
"""

from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules import conclusion
from ansible_collections.steady.ecs.plugins.module_utils.work import Spec, Task, execute

ANSWERS = ("plan", "opened", "deployment", "health", "failure", "restored")

SPEC = Spec(
    options={
        **{name: {"type": "dict", "default": {}} for name in ANSWERS},
        "undoing": {"type": "list", "elements": "dict", "default": []},
        "stay": {"type": "bool", "default": False},
    }
)


def run(task: Task) -> dict[str, Any]:
    """Decide."""
    answers = {name: task.params[name] for name in (*ANSWERS, "undoing", "stay")}
    answers["failure"] = conclusion.failed_item(answers["failure"])
    whole = conclusion.Run(check_mode=task.check_mode, **answers)
    word, note = conclusion.outcome(whole), conclusion.last_note(whole)
    return {
        "changed": False,
        "outcome": word,
        "detail": conclusion.detail(whole),
        "release": whole.release.get("seq"),
        "rolls_back": conclusion.rolls_back(whole),
        "puts_back_attributes": conclusion.puts_back_attributes(whole),
        "notes": note is not None,
        "state": note,
        "closes": note == "closed",
        "closing": conclusion.closing(whole),
    }


def main() -> None:
    """Entry point of the module process."""
    execute(SPEC, run)


if __name__ == "__main__":
    main()
