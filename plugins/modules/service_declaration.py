#!/usr/bin/python
# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: service_declaration
short_description: Write a running Amazon ECS service down as an inventory
version_added: 0.1.0
description:
  - Reads one running service and writes an operator's project from it. C(ansible.cfg), C(requirements.yml) and
    C(inventories/main/) with the service as a host.
  - Declares the target group's attributes and the settings that a release depends on. Nothing of a container's
    environment, image or command is written down, for a value may be a secret, and what is not declared is not touched.
  - Never changes AWS. Never overwrites a file; C(ansible.cfg) and the like may be there from an earlier service.
author:
  - The steady.ecs authors (@steady-ecs)
options:
  cluster:
    description: Name of the cluster.
    type: str
    required: true
  service:
    description: Name of the service.
    type: str
    required: true
  name:
    description: Name of the host in the inventory. The default is the name of the service.
    type: str
  url:
    description: Where users reach the service. It cannot be read from AWS, and is empty unless given.
    type: str
    default: ''
  folder:
    description: Folder of the project; it is created. V(.) is the one in which ansible-playbook was called.
    type: path
    required: true
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    support: full
    description: Writes no file and returns the same keys.
  diff_mode:
    support: full
    description: Shows the files that would be written.
"""

EXAMPLES = r"""
- name: Write a running service down
  steady.ecs.service_declaration:
    cluster: pardon-production-cluster
    service: pardon-production-service
    url: https://pardonsimulator.com
    folder: .
"""

RETURN = r"""
account:
  description: Account of the service.
  returned: always
  type: str
  sample: "640080112933"
declaration:
  description: The host variables.
  returned: always
  type: dict
  sample: {service_name: pardon-production-service}
files:
  description: The files that were written, or would be in check mode.
  returned: always
  type: list
  elements: str
  sample: [ansible.cfg, inventories/main/host_vars/pardon-production-service.yml]
"""

from pathlib import Path
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.edges import live, project_files, reads
from ansible_collections.steady.ecs.plugins.module_utils.edges.aws import region_of
from ansible_collections.steady.ecs.plugins.module_utils.rules import addresses, project, target_group
from ansible_collections.steady.ecs.plugins.module_utils.rules.declaration import DeclarationError
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure, Spec, Task, execute

SPEC = Spec(
    options={
        "cluster": {"type": "str", "required": True},
        "service": {"type": "str", "required": True},
        "name": {"type": "str"},
        "url": {"type": "str", "default": ""},
        "folder": {"type": "path", "required": True},
    }
)

HOSTS = "inventories/main/hosts.yml"
SHARED = ("ansible.cfg", "requirements.yml", "inventories/main/group_vars/all.yml")

Answer = dict[str, Any]


def declared(task: Task, service: Answer) -> tuple[str, Answer]:
    """The account, and the service as host variables."""
    definition = reads.task_definition(task, live.revision_arn(service))
    groups = [
        (each, reads.target_group_attributes(task, each["TargetGroupArn"]))
        for each in reads.target_groups(task, live.group_arns(service))
    ]
    account = str(service["serviceArn"]).split(":")[4]
    return account, project.declaration(service, definition, groups, target_group.DEFAULTS, task.params["url"])


def wanted(task: Task, account: str, declaration: Answer) -> dict[str, str]:
    """The files of the whole project."""
    endpoint = task.params.get("endpoint_url") or None
    try:
        return project.files(
            task.params["name"] or task.params["service"], account, region_of(task), endpoint, declaration
        )
    except ValueError as problem:
        raise Failure(f"The service cannot be written down: {problem}.", reason="name") from None


def run(task: Task) -> Answer:
    """Read the service, refuse what would be lost, write."""
    if not project.HAS_YAML:
        raise Failure("PyYAML is not installed beside this Python: run `pip install pyyaml`.", reason="no_yaml")
    folder = Path(task.params["folder"]).absolute()
    if task.params["url"]:  # what it may not hold would stand in a file that is committed
        try:
            addresses.origin(task.params["url"], "service_url")
        except DeclarationError as wrong:
            raise Failure(wrong.msg, reason="declaration") from None
    account, declaration = declared(task, reads.service(task, task.params["cluster"], task.params["service"]))
    contents = wanted(task, account, declaration)
    there = {name: project_files.existing(folder, name) for name in contents}
    taken = [
        name
        for name, before in there.items()
        if before is not None and before != contents[name] and name not in (*SHARED, HOSTS)
    ]
    if taken:
        raise Failure(
            f"{folder / taken[0]} is there already, and what runs would be written differently. Move it away, or give "
            "another folder.",
            reason="exists",
        )
    hosts = _hosts(there[HOSTS], task.params["name"] or task.params["service"])
    new = {name: content for name, content in contents.items() if there[name] is None}
    if not task.check_mode:
        project_files.write(folder, new)
        if hosts is not None:
            project_files.replace(folder / HOSTS, hosts)
    changed = {**new, **({HOSTS: hosts} if hosts is not None else {})}
    return {
        "changed": bool(changed),
        "account": account,
        "declaration": declaration,
        "files": sorted(changed),
        "diff": [
            {"before": there[name] or "", "after": content, "after_header": name} for name, content in changed.items()
        ],
    }


def _hosts(before: str | None, name: str) -> str | None:
    """New content of an inventory that lacks the host, or None when nothing is to be replaced."""
    if before is None:
        return None
    try:
        after = project.with_host(before, name)
    except ValueError as problem:
        raise Failure(f"{problem}: add the host {name} there by hand.", reason="exists") from None
    return after if after != before else None


def main() -> None:
    """Entry point of the module process."""
    execute(SPEC, run)


if __name__ == "__main__":
    main()
