#!/usr/bin/python
# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: release_grounds
short_description: Gather on what grounds a release of an Amazon ECS service is made
version_added: 0.1.0
description:
  - Answers what M(steady.ecs.release) keeps in the audit part of a record. Commits of inventory and application, who
    approved it, and where its images come from.
  - Everything is optional. What cannot be told is null.
author:
  - The steady.ecs authors (@steady-ecs)
options:
  inventory:
    description: Folder of the inventory. Its commit and whether something in it is not committed are read by git.
    type: path
  commit:
    description: Commit of the application. The default is what O(image) is labelled with.
    type: str
  image:
    description:
      - Image of the application. In Amazon ECR its label C(org.opencontainers.image.revision) is read, which needs
        ecr:BatchGetImage and ecr:GetDownloadUrlForLayer.
    type: str
  promoted_commit:
    description: Commit on the record of the release whose images are taken; it counts where O(image) tells none.
    type: str
  approved_by:
    description: Who approved the release. It is recorded, and nobody is asked whether it is true.
    type: str
  uncovered:
    description: Which deployment alarms do not guard the release, as M(steady.ecs.service_preflight) found it.
    type: str
  promoted_from:
    description: Place of the release whose images are taken.
    type: str
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    support: full
    description: Never changes anything.
  diff_mode:
    support: none
    description: There is nothing to compare.
"""

EXAMPLES = r"""
- name: Gather what the record will say
  steady.ecs.release_grounds:
    inventory: "{{ inventory_dir }}"
    approved_by: ada@example.com
  register: grounds
"""

RETURN = r"""
commit:
  description: Commit of the application, or null.
  returned: success
  type: str
  sample: 5d290ed1c0ffee
audit:
  description: What M(steady.ecs.release) takes as C(audit); only what is known.
  returned: success
  type: dict
  sample: {inventory_commit: 0e1f2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c, inventory_dirty: false, approved_by: ada}
"""

from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.edges import provenance
from ansible_collections.steady.ecs.plugins.module_utils.rules.outcome import one_line
from ansible_collections.steady.ecs.plugins.module_utils.work import Spec, Task, execute

SPEC = Spec(
    options={
        "inventory": {"type": "path"},
        "commit": {"type": "str"},
        "image": {"type": "str"},
        "promoted_commit": {"type": "str"},
        "approved_by": {"type": "str"},
        "promoted_from": {"type": "str"},
        "uncovered": {"type": "str"},
    }
)
LONGEST = 1000


def run(task: Task) -> dict[str, Any]:
    """Gather what is known; whoever opens the release says what is recorded."""
    params = task.params
    given = {name: params[name] for name in ("approved_by", "promoted_from", "uncovered") if params[name]}
    audit: dict[str, Any] = {name: one_line(str(value)[:LONGEST]) for name, value in given.items()}
    commit, dirty = provenance.inventory(params["inventory"])
    if commit is not None:
        audit.update(inventory_commit=commit, inventory_dirty=dirty)
    if dirty:
        task.warn(
            f"The inventory is not as it was committed ({str(commit)[:12]}): the record says so, and nobody can see "
            "later what was declared."
        )
    labelled = provenance.image_commit(task, params["image"]) if params["image"] and not params["commit"] else None
    application = params["commit"] or labelled or params["promoted_commit"]
    return {"changed": False, "commit": application and one_line(str(application)[:LONGEST]), "audit": audit}


def main() -> None:
    """Entry point of the module process."""
    execute(SPEC, run)


if __name__ == "__main__":
    main()
