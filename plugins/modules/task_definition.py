#!/usr/bin/python
# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: task_definition
short_description: Have the revision of an Amazon ECS task definition that is declared
version_added: 0.1.0
description:
  - Takes the live revision of a service, with every field, and changes what is declared in it; or takes a whole
    definition. Registers a revision only when no active one of the same meaning exists, from the live one upwards.
  - Compares by meaning. What AWS fills in, the order of named items and amounts written in units are no difference.
  - Does not roll the service; see M(steady.ecs.deployment).
author:
  - The steady.ecs authors (@steady-ecs)
options:
  cluster:
    description: Name of the cluster.
    type: str
    required: true
  service:
    description: Name of the service. The revision that it names now is the base.
    type: str
    required: true
  changes:
    description:
      - What changes in the base, in AWS's own names, with C(containers) as a mapping of container names in the place
        of C(containerDefinitions). Only what is named is touched; null removes.
      - C(environment) maps names to values, C(secrets) maps names to what they are taken from. Other lists of named
        items (volumes, ulimits, tags, ...) may be written as a mapping of names too, which is merged by name.
        Every other list is replaced, structures and maps are merged.
      - A value of an environment variable must be text. YAML makes something else of an unquoted V(8080), V(on) or
        V(1e3), so they are refused.
    type: dict
  definition:
    description:
      - The whole task definition in the form of C(aws ecs describe-task-definition). What is not there goes, but
        for family, tags and images of containers that exist, which stay unless they are declared.
      - What only answers of AWS have, such as C(revision), is ignored with a warning.
      - Mutually exclusive with O(changes).
    type: dict
  images:
    description: Container name to image, on top of O(changes) or O(definition). An image that nobody declares stays.
    type: dict
    default: {}
  restores:
    description:
      - ARN of the revision whose content is wanted, as in a rollback; it is the base then. An active one serves as it
        is, the content of an INACTIVE one is registered again, and one that is deleted is refused.
    type: str
  recorded_images:
    description:
      - With O(restores), by container the image with its digest that ran. Where Amazon ECR says that the tag means
        another image by now, the container gets the recorded one by its digest.
    type: dict
    default: {}
  safe_environment:
    description:
      - Names of environment variables whose values may be shown. One whose name says that it is a password, a key or a
        token is hidden all the same.
    type: list
    elements: str
    default: []
  release:
    description:
      - RV(steady.ecs.release#module:release) in the answer of M(steady.ecs.release), when this revision belongs to a
        release. Its lease is renewed, and the revision is noted in its record.
    type: dict
    default: {}
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    support: full
    description: Makes no writing call and returns the same keys. The ARN of a revision to be ends in C((next)).
  diff_mode:
    support: full
    description: Shows what differs, with values hidden unless they are known to hold no secret.
"""

EXAMPLES = r"""
- name: Remove one variable and change another, leave the rest as it is
  steady.ecs.task_definition:
    cluster: pardon-production-cluster
    service: pardon-production-service
    changes:
      containers:
        coral:
          environment:
            CORAL_SESSIONS: null
        agent-1:
          environment:
            CORAL_SSE_URL: http://localhost:5555/sse/v1/devmode/app/priv/production-main
    safe_environment: [CORAL_SESSIONS, CORAL_SSE_URL]
  register: revision

- name: Take a new image
  steady.ecs.task_definition:
    cluster: pardon-production-cluster
    service: pardon-production-service
    images:
      coral: 640080112933.dkr.ecr.us-east-1.amazonaws.com/coral@sha256:0a1b2c

- name: Have the content of an older revision, whatever became of that one
  steady.ecs.task_definition:
    cluster: pardon-production-cluster
    service: pardon-production-service
    restores: arn:aws:ecs:us-east-1:640080112933:task-definition/pardon-simulator:74
"""

RETURN = r"""
task_definition_arn:
  description: The revision that has the declared content; in check mode C(...:(next\)) where it is not registered yet.
  returned: success
  type: str
  sample: arn:aws:ecs:us-east-1:640080112933:task-definition/pardon-simulator:75
family:
  description: Its family.
  returned: success
  type: str
  sample: pardon-simulator
revision:
  description: Its number; null where it is not registered yet.
  returned: success
  type: int
  sample: 75
registered:
  description: Whether this task registered it.
  returned: success
  type: bool
  sample: true
reused:
  description: Whether a revision that exists serves, the live one or a newer one of equal meaning.
  returned: success
  type: bool
  sample: false
base_arn:
  description: The live revision of the service, or O(restores).
  returned: success
  type: str
  sample: arn:aws:ecs:us-east-1:640080112933:task-definition/pardon-simulator:74
differences:
  description: What differs between the declared content and the base.
  returned: success
  type: list
  elements: dict
  sample:
    - resource: task definition
      path: containerDefinitions[coral].environment[CORAL_SESSIONS]
      expected: null
      actual: pool-0,pool-1
      type: ADD
"""

from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.edges import held, models, reads, registry, waits, writes
from ansible_collections.steady.ecs.plugins.module_utils.rules import checks, redact, runnable, task_definition
from ansible_collections.steady.ecs.plugins.module_utils.rules.declaration import DeclarationError
from ansible_collections.steady.ecs.plugins.module_utils.rules.differences import Difference
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure, Spec, Task, execute

SPEC = Spec(
    options={
        "cluster": {"type": "str", "required": True},
        "service": {"type": "str", "required": True},
        "changes": {"type": "dict"},
        "definition": {"type": "dict"},
        "images": {"type": "dict", "default": {}},
        "restores": {"type": "str"},
        "recorded_images": {"type": "dict", "default": {}},
        "safe_environment": {"type": "list", "elements": "str", "default": []},
        **held.RELEASE_OPTION,
    },
    rules={"mutually_exclusive": [["changes", "definition", "restores"]]},
)

NEXT = "(next)"

Answer = dict[str, Any]


def base_of(task: Task) -> Answer:
    """The live revision, or the one that is restored. Raises Failure for one that cannot be had any more."""
    arn = task.params["restores"]
    if not arn:
        service = reads.service(task, task.params["cluster"], task.params["service"])
        return reads.task_definition(task, service["taskDefinition"])
    content = registry.revision(task, arn)
    found = runnable.revision(arn, content["status"] if content else None)
    if content is None or not found["ok"]:
        raise Failure(checks.sentence(found), reason="revision_gone")
    if content["status"] != "ACTIVE":
        task.report(f"{content['family']}:{content['revision']} is {found['found']}")
    return content


def planned(task: Task, base: Answer) -> task_definition.Plan:
    """What is declared, held against the base. Refuses what cannot be meant."""
    params, images = task.params, task.params["images"]
    if params["restores"]:
        images = registry.moved_tags(task, base, params["recorded_images"])
        for name, image in images.items():
            task.report(f"the tag of {name}'s image means another content by now: taking {image}, which ran then")
    try:
        plan = task_definition.plan(base, models.task_definition(), params["changes"], params["definition"], images)
    except DeclarationError as wrong:
        raise Failure(wrong.msg, reason="declaration") from None
    if plan.ignored:
        task.warn(f"Ignored in {task_definition.WHOLE}, for only AWS's answers have it: {', '.join(plan.ignored)}.")
    return plan


def equal_revision(task: Task, base: Answer, declared: Answer, noted: str | None = None) -> Answer | None:
    """The newest active revision above the base that means the same as what is declared; ``noted``, the one that the
    release's record names, comes first, for a list may lag behind."""
    known = models.task_definition().answer_only
    newer = reads.newer_revisions(task, base["family"], base["revision"])
    for arn in [*([noted] if noted else []), *newer]:
        task.count(f"comparing with {arn.rsplit('/', 1)[-1]}")
        candidate = reads.task_definition(task, arn)
        is_active = arn in newer or candidate["status"] == "ACTIVE"
        if is_active and not task_definition.compare(declared, task_definition.request_form(candidate, known)):
            return candidate
    return None


def existing(task: Task, hold: held.Held | None, base: Answer, declared: Answer) -> Answer | None:
    """An equal revision. In a release that goes on, absent is believed of two looks only: the interrupted run may have
    registered one a moment ago."""
    steps = hold.store.record(task.params["release"]["seq"])["steps"] if hold else {}
    noted = steps.get("rollback_task_definition") or steps.get("task_definition")
    goes_on = hold is not None and bool(task.params["release"].get("resumed"))
    seconds = writes.PAUSE if goes_on else 0
    return waits.until(lambda _elapsed: equal_revision(task, base, declared, noted), seconds, writes.PAUSE)


def refuse_loss(task: Task, base: Answer) -> None:
    """Copying a revision must not lose what the installed SDK cannot read (case C11)."""
    lost = models.members_not_read(task, base["taskDefinitionArn"])
    if lost:
        raise Failure(
            f"{base['family']}:{base['revision']} has {', '.join(lost)}, which the installed botocore does not know: a "
            "copy would lose it. Nothing was registered. Upgrade boto3, then run the same command.",
            reason="sdk_too_old",
        )


def register(task: Task, base: Answer, declared: Answer) -> Answer:
    """One new revision of the declared content."""
    if not task.params["definition"]:
        refuse_loss(task, base)
    try:
        new = writes.register_task_definition(task, declared, lambda: equal_revision(task, base, declared))
    except Failure as failure:
        # AWS may quote what it refuses.
        raise Failure(redact.without(failure.msg, redact.values_in(declared)), **failure.fields) from None
    task.report(f"registered {new['family']}:{new['revision']}")
    kept = task_definition.request_form(new, models.task_definition().answer_only)
    other = sorted({each.path for each in task_definition.compare(declared, kept)})
    if other:
        task.warn(
            f"AWS keeps {', '.join(other)} of {new['family']}:{new['revision']} otherwise than declared, so the next "
            "plan will name it again. Declare it as describe-task-definition prints it."
        )
    return new


def run(task: Task) -> Answer:
    """Compare, find an equal revision, register only when there is none, note it."""
    hold = held.of(task)
    base = base_of(task)
    plan = planned(task, base)
    differences = list(plan.differences)
    if task.params["restores"] and base["status"] != "ACTIVE":
        # UpdateService takes no INACTIVE revision. The live one serves on: "Existing tasks and services that reference
        # an INACTIVE task definition continue to run without disruption" (API reference, DeregisterTaskDefinition).
        differences.append(Difference(task_definition.RESOURCE, "status", "ACTIVE", base["status"]))
    found = existing(task, hold, base, plan.declared) if differences else base
    registered = found is None
    if registered and not task.check_mode:
        found = register(task, base, plan.declared)
    if hold and found:
        hold.note({"task_definition": found["taskDefinitionArn"], "registered": registered or None})
    key, safe = redact.run_key(), set(task.params["safe_environment"])
    shown = [redact.difference(each, safe, key) for each in differences]
    family_arn = base["taskDefinitionArn"].rsplit(":", 1)[0]
    return {
        "changed": registered,
        "task_definition_arn": found["taskDefinitionArn"] if found else f"{family_arn}:{NEXT}",
        "family": base["family"],
        "revision": found["revision"] if found else None,
        "registered": registered and found is not None,
        "reused": not registered,
        "base_arn": base["taskDefinitionArn"],
        "differences": [each.as_dict() for each in shown],
        "diff": redact.diff(shown),
    }


def main() -> None:
    """Entry point of the module process."""
    execute(SPEC, run)


if __name__ == "__main__":
    main()
