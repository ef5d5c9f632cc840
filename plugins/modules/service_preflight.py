#!/usr/bin/python
# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: service_preflight
short_description: Check an Amazon ECS service and its declaration before anything is written
version_added: 0.1.0
description:
  - Checks that the credentials belong to the declared account, that service, revision, container, port, target group
    and listener exist and hang together, that the declaration can be meant, and that no other deployment is under way.
  - Fails with everything that is wrong at once. With credentials of another account it asks nothing else.
  - Needs read rights only and never writes.
author:
  - The steady.ecs authors (@steady-ecs)
options:
  account:
    description: AWS account id that the credentials must belong to, twelve digits.
    type: str
    required: true
  cluster:
    description: Name of the cluster.
    type: str
    required: true
  service:
    description: Name of the service.
    type: str
    required: true
  changes:
    description: The declared changes, as M(steady.ecs.task_definition) takes them.
    type: dict
    default: {}
  definition:
    description: The declared whole task definition, as M(steady.ecs.task_definition) takes it.
    type: dict
    default: {}
  images:
    description: Declared image of each container.
    type: dict
    default: {}
  settings:
    description: The declared settings, as M(steady.ecs.deployment) takes them.
    type: dict
    default: {}
  attributes:
    description: The declared attributes, as M(steady.ecs.target_group_attributes) takes them.
    type: dict
    default: {}
  target_group:
    description: Name or ARN of the target group of O(attributes). The default is the service's only one.
    type: str
  going_back:
    description: Whether this is a rollback, which may replace a deployment that is under way.
    type: bool
    default: false
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
- name: Check before the first write
  steady.ecs.service_preflight:
    account: "640080112933"
    cluster: pardon-production-cluster
    service: pardon-production-service
    attributes: {stickiness.lb_cookie.duration_seconds: 86400}
"""

RETURN = r"""
ok:
  description: Whether every check holds; the task fails when one does not.
  returned: always
  type: bool
  sample: true
checks:
  description: The checks.
  returned: always
  type: list
  elements: dict
  sample:
    - {name: account, expected: "640080112933", found: "640080112933", ok: true, remedy: "", reason: ""}
caller_arn:
  description: Who the credentials are.
  returned: always
  type: str
  sample: arn:aws:iam::640080112933:user/ada
service_arn:
  description: ARN of the service.
  returned: success
  type: str
  sample: arn:aws:ecs:us-east-1:640080112933:service/pardon-production-cluster/pardon-production-service
task_definition_arn:
  description: The live revision.
  returned: success
  type: str
  sample: arn:aws:ecs:us-east-1:640080112933:task-definition/pardon-simulator:74
"""

from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.edges import live, models, reads
from ansible_collections.steady.ecs.plugins.module_utils.edges.aws import reading
from ansible_collections.steady.ecs.plugins.module_utils.rules import checks, plan, preflight
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure, Spec, Task, execute

SPEC = Spec(
    options={
        "account": {"type": "str", "required": True},
        "cluster": {"type": "str", "required": True},
        "service": {"type": "str", "required": True},
        **live.DECLARATION_OPTIONS,
        "going_back": {"type": "bool", "default": False},
    }
)

Answer = dict[str, Any]


def looked_at(task: Task) -> plan.Live:
    """The service; a cluster that does not exist is answered with those that do (case C94)."""
    try:
        return live.whole(task)
    except Failure as failure:
        if failure.fields.get("code") != "ClusterNotFoundException":
            raise
        names = ", ".join(reads.cluster_names(task)) or "none"
        raise Failure(
            f"There is no cluster {task.params['cluster']} in this account and Region. Clusters there: {names}. "
            "Correct service_cluster or service_region.",
            reason="cluster_not_found",
        ) from None


def refuse(found: list[checks.Check], caller: Answer) -> None:
    """Fail with all that is wrong."""
    wrong = checks.failed(found)
    if wrong:
        raise Failure(
            "Nothing was changed. " + "\n".join(checks.sentence(each) for each in wrong),
            reason="preflight",
            ok=False,
            checks=found,
            caller_arn=caller["Arn"],
        )


def run(task: Task) -> Answer:
    """Identity first, then everything else at once."""
    params = task.params
    caller = reads.caller_identity(task)
    found = [preflight.identity(params["account"], caller)]
    refuse(found, caller)
    now, declared, model = looked_at(task), live.declared(task), models.task_definition()
    region = reading(task, "ecs").meta.region_name
    found.append(preflight.place(params["account"], region, now))
    found += preflight.service(now)
    found += preflight.balancing(now)
    found += preflight.declaration(declared, now, model)
    found.append(preflight.under_way(declared, now, model, params["going_back"]))
    refuse(found, caller)
    for caution in preflight.cautions(now):
        task.warn(caution)
    return {
        "changed": False,
        "ok": True,
        "checks": found,
        "caller_arn": caller["Arn"],
        "service_arn": now.service["serviceArn"],
        "task_definition_arn": now.service["taskDefinition"],
    }


def main() -> None:
    """Entry point of the module process."""
    execute(SPEC, run)


if __name__ == "__main__":
    main()
