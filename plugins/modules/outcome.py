#!/usr/bin/python
# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: outcome
short_description: Say the last word of a run, for people and for scripts
version_added: 0.1.0
description:
  - Shows the outcome in one line, see RV(line), and below it the commands to
    go on with.
  - With O(file), merges the host's outcome into a JSON file that a script turns into an exit status, for
    ansible-playbook itself knows only success and failure. Hosts may do so at the same time; the run's outcome is the
    worst of them. This file is also written in check mode.
author:
  - The steady.ecs authors (@steady-ecs)
options:
  outcome:
    description:
      - The word. From the best to the worst they weigh V(unchanged), V(proven), V(drifted), V(held), V(error),
        V(superseded), V(failed_rolled_back), V(interrupted), V(failed).
    type: str
    required: true
    choices: [unchanged, proven, drifted, held, error, superseded, failed_rolled_back, interrupted, failed]
  verb:
    description: What the run was for, such as V(deploy).
    type: str
    required: true
  host:
    description: Name of the host (the service) in the file.
    type: str
    required: true
  detail:
    description: The outcome in one sentence; with a failure, the cause comes last.
    type: str
    default: ''
  not_closed:
    description: Why the release record could not be closed, if it could not. Then no outcome is better than
      V(interrupted).
    type: str
  duration_seconds:
    description: How long the run took; shown at the end of the line.
    type: float
  release:
    description: Number of the release.
    type: int
  services:
    description: How many services the run is for. Of several, it is shown how many are done, with O(file).
    type: int
    default: 1
  file:
    description: Result file of the run. What another run of ansible-playbook has left in it goes.
    type: path
  commands:
    description: Commands to show below the line.
    type: list
    elements: str
    default: []
  fail:
    description:
      - Fail with the line as message when the outcome is none of V(proven), V(unchanged), V(drifted). A play that was
        rescued ends with success otherwise.
    type: bool
    default: false
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Say how it ended
  steady.ecs.outcome:
    outcome: proven
    verb: deploy
    host: "{{ inventory_hostname }}"
    detail: pardon-production-service runs pardon-simulator:75, 3/3 healthy
    duration_seconds: 130
    release: 2
    file: "{{ release_result_file | default(omit, true) }}"
    commands:
      - ansible-playbook verify.yml
      - ansible-playbook rollback.yml
"""

RETURN = r"""
outcome:
  description: The word given.
  returned: always
  type: str
  sample: proven
status:
  description: The exit status that stands for it.
  returned: always
  type: int
  sample: 0
line:
  description: The line shown.
  returned: always
  type: str
  sample: "outcome: proven: pardon-production-service runs pardon-simulator:75, 3/3 healthy (2 min 10 s)"
commands:
  description: The commands shown.
  returned: always
  type: list
  elements: str
  sample: [ansible-playbook verify.yml]
result:
  description: What the result file holds now, over all hosts so far; null without O(file).
  returned: always
  type: dict
  sample: {outcome: proven, verb: deploy, hosts: {web: {outcome: proven, detail: web runs web:75, release: 2}}}
"""

from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.edges.result_files import note_outcome
from ansible_collections.steady.ecs.plugins.module_utils.rules.outcome import (
    OUTCOME_STATUS,
    OUTCOMES_BY_WEIGHT,
    last_line,
    one_line,
    worst,
)
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure, Spec, Task, execute

NO_FAILURE = {"proven", "unchanged", "drifted"}

SPEC = Spec(
    options={
        "outcome": {"type": "str", "required": True, "choices": list(OUTCOMES_BY_WEIGHT)},
        "verb": {"type": "str", "required": True},
        "host": {"type": "str", "required": True},
        "detail": {"type": "str", "default": ""},
        "not_closed": {"type": "str"},
        "duration_seconds": {"type": "float"},
        "release": {"type": "int"},
        "services": {"type": "int", "default": 1},
        "file": {"type": "path"},
        "commands": {"type": "list", "elements": "str", "default": []},
        "fail": {"type": "bool", "default": False},
    },
)


def last_word(word: str, detail: str, not_closed: str | None) -> tuple[str, str]:
    """Outcome and detail. A release whose record could not be closed has not ended, however well it went."""
    if not not_closed:
        return word, detail
    return (
        worst([word, "interrupted"]),
        f"{detail}. The release record could not be closed: {one_line(not_closed)} Run the same command again: it "
        "closes the record",
    )


def run(task: Task) -> dict[str, Any]:
    """Write the file first: what is shown last is then true for scripts as well. Fails where it cannot be written."""
    params = task.params
    word, detail = last_word(params["outcome"], one_line(params["detail"]), params["not_closed"])
    entry = {"outcome": word, "detail": detail, "release": params["release"]}
    result, unwritten = note_outcome(params["file"], params["verb"], params["host"], entry)
    if result and params["services"] > 1:
        task.report(f"{len(result['hosts'])} of {params['services']} services done: {', '.join(result['hosts'])}")
    line = last_line(word, detail, params["duration_seconds"]) + unwritten
    answer = {
        "changed": False,
        "outcome": word,
        "status": OUTCOME_STATUS[word],
        "line": line,
        "commands": params["commands"],
        "result": result,
    }
    if unwritten or (params["fail"] and word not in NO_FAILURE):
        for command in params["commands"]:
            task.report(f"  {command}")
        # Ansible prints a failed task's whole result: the line must not drown in it.
        raise Failure(line, outcome=word, line=line)
    task.report(line)
    for command in params["commands"]:
        task.report(f"  {command}")
    return answer


def main() -> None:
    """Run as a module process."""
    execute(SPEC, run)


if __name__ == "__main__":
    main()
