#!/usr/bin/python
# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: service_info
short_description: Read Amazon ECS services with their deployments, tasks, target groups and targets
version_added: 0.1.0
description:
  - Answers what services of a cluster are and run now, in few calls.
  - Needs read rights only and changes nothing.
author:
  - The steady.ecs authors (@steady-ecs)
options:
  cluster:
    description: Name of the cluster.
    type: str
    required: true
  services:
    description: Names of the services, any number of them. One that does not exist is left out of the answer.
    type: list
    elements: str
    required: true
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    support: full
    description: Does the same, for it only reads.
"""

EXAMPLES = r"""
- name: Read the service
  steady.ecs.service_info:
    cluster: pardon-production-cluster
    services: [pardon-production-service]
  register: found

- name: Require that three tasks run
  ansible.builtin.assert:
    that: found.services[0].running_count == 3
"""

RETURN = r"""
services:
  description: The services that exist, in the order asked for. What AWS answers inside is in AWS's own words.
  returned: success
  type: list
  elements: dict
  sample:
    - name: pardon-production-service
      arn: arn:aws:ecs:us-east-1:640080112933:service/pardon-production-cluster/pardon-production-service
      cluster: pardon-production-cluster
      status: ACTIVE
      desired_count: 3
      running_count: 3
      pending_count: 0
      task_definition: arn:aws:ecs:us-east-1:640080112933:task-definition/pardon-simulator:75
      deployment_configuration: {"maximumPercent": 200, "minimumHealthyPercent": 100, "strategy": "ROLLING"}
      health_check_grace_period_seconds: 60
      launch_type: FARGATE
      load_balancers: [{"targetGroupArn": "arn:...", "containerName": "coral", "containerPort": 3000}]
      deployments:
        - id: ecs-svc/9223370512345678901
          status: PRIMARY
          rollout_state: COMPLETED
          rollout_state_reason: ECS deployment ecs-svc/9223370512345678901 completed.
          task_definition: arn:aws:ecs:us-east-1:640080112933:task-definition/pardon-simulator:75
          desired_count: 3
          running_count: 3
          pending_count: 0
          failed_tasks: 0
          created_at: "2025-11-27T10:02:11+00:00"
      tags: {"team": "pardon"}
      target_groups:
        - name: pardon-production-coral-tg
          arn: arn:aws:elasticloadbalancing:us-east-1:640080112933:targetgroup/pardon-production-coral-tg/6cd8923f
          attributes: {"stickiness.enabled": "true"}
          targets: [{"address": "10.0.1.5", "port": 3000, "state": "healthy", "reason": "", "description": ""}]
      tasks:
        - id: 1dc5c17a422b4dc4b493371970c6c4d6
          arn: arn:aws:ecs:us-east-1:640080112933:task/pardon-production-cluster/1dc5c17a422b4dc4b493371970c6c4d6
          task_definition: arn:aws:ecs:us-east-1:640080112933:task-definition/pardon-simulator:75
          deployment_id: ecs-svc/9223370512345678901
          last_status: RUNNING
          desired_status: RUNNING
          health_status: HEALTHY
          address: 10.0.1.5
          availability_zone: us-east-1a
          started_at: "2025-11-27T10:03:00+00:00"
          containers:
            - name: coral
              image: example.com/coral:2
              image_digest: sha256:0a1b
              last_status: RUNNING
              health_status: HEALTHY
              exit_code: null
"""

from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.edges import reads
from ansible_collections.steady.ecs.plugins.module_utils.rules import briefs
from ansible_collections.steady.ecs.plugins.module_utils.work import Spec, Task, execute

SPEC = Spec(
    options={
        "cluster": {"type": "str", "required": True},
        "services": {"type": "list", "elements": "str", "required": True},
    }
)


def described(task: Task, answer: dict[str, Any]) -> dict[str, Any]:
    """One service with what hangs on it."""
    arns = [each["targetGroupArn"] for each in answer.get("loadBalancers", []) if each.get("targetGroupArn")]
    groups = [
        briefs.target_group(
            group,
            reads.target_group_attributes(task, group["TargetGroupArn"]),
            reads.target_health(task, group["TargetGroupArn"]),
        )
        for group in reads.target_groups(task, sorted(set(arns)))
    ]
    return briefs.service(answer, groups, reads.tasks(task, task.params["cluster"], answer["serviceName"]))


def run(task: Task) -> dict[str, Any]:
    """Read the services that were asked for."""
    names = task.params["services"]
    found = reads.services(task, task.params["cluster"], names)
    return {
        "changed": False,
        "services": [described(task, found[name]) for name in dict.fromkeys(names) if name in found],
    }


def main() -> None:
    """Entry point of the module process."""
    execute(SPEC, run)


if __name__ == "__main__":
    main()
