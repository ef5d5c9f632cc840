# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether a release may still write: is the service as the release found it, or as the release made it?

UpdateService has no condition and no token, so somebody who works past the lease (a console, another tool) is found
out by looking: the content first, for after a lost answer the unknown deployment is our own, and only then the id.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules import looks, target_group
from ansible_collections.steady.ecs.plugins.module_utils.rules.outcome import one_line
from ansible_collections.steady.ecs.plugins.module_utils.rules.records import ROLLBACK, ROLLING_BACK, Document
from ansible_collections.steady.ecs.plugins.module_utils.rules.release import way_back_revision
from ansible_collections.steady.ecs.plugins.module_utils.rules.settings import GRACE
from ansible_collections.steady.ecs.plugins.module_utils.rules.states import (
    differences,
    live_settings,
    nested_settings,
    settled,
)

Answer = dict[str, Any]


def is_of(record: Document, service: Answer) -> bool:
    """Whether the PRIMARY deployment is one of the release's, or ECS's own on its way back from it."""
    return problem(record, service) is None or went_back(record, service, None)


def own(record: Document, listed: list[Answer], others: set[str]) -> Answer | None:
    """A release's own service deployment, of all that are ``listed``: the one it has noted, else the first that began
    after what was the newest when the release was opened, and is none of ``others`` (ARNs)."""
    arn, known = record["steps"].get("service_deployment"), record["before"].get("service_deployment")
    noted = next((each for each in listed if each["serviceDeploymentArn"] == arn), None)
    if noted is not None:
        return noted
    began = next((each["createdAt"] for each in listed if each["serviceDeploymentArn"] == known), None)
    since = [each for each in listed if began is None or each["createdAt"] > began]
    since = [each for each in since if each["serviceDeploymentArn"] not in {known, *others}]
    return min(since, key=lambda each: each["createdAt"], default=None)


def went_back(record: Document, service: Answer, rollout: Answer | None) -> bool:
    """Whether a release that was rolled out is undone: the service runs what was before again.

    ``rollout``: its :func:`own` service deployment. Which deployment is PRIMARY after ECS has gone back, the earlier or
    a new one, AWS does not document; and where a release keeps the revision, that does not tell them apart either.
    Where the service deployment is not known, a release that has noted its deployment is known to have had one.
    """
    primary, before, steps = looks.primary(service), record["before"], record["steps"]
    ours = steps["task_definition"] or record["intent"]["task_definition"]["revision"]
    if record["state"] == ROLLING_BACK or ours is None or primary.get("taskDefinition") != before["task_definition"]:
        return False
    if primary.get("id") == steps["deployment"]:
        return False
    return ecs_goes_back(rollout) or (steps["deployment"] is not None and ours != before["task_definition"])


def ecs_goes_back(rollout: Answer | None) -> bool:
    """Whether ECS goes back, or has gone back, from a service deployment."""
    return rollout is not None and str(rollout.get("status")).startswith("ROLLBACK")


def undone(record: Document, service: Answer, rollout: Answer | None) -> Answer | None:
    """The deployment of a release that went_back: as it is listed, or what is known of it; None where it was not ECS
    that went back from it. Its own time is that of its service deployment, the ``rollout``."""
    revision, noted = record["steps"]["task_definition"], record["steps"]["deployment"]
    others = [each for each in service["deployments"] if each["status"] != "PRIMARY"]
    listed = next((each for each in others if each["id"] == noted or each["taskDefinition"] == revision), None)
    if listed is not None or rollout is None or not ecs_goes_back(rollout):
        return listed
    return {"id": noted or "(not noted)", "taskDefinition": revision, "createdAt": rollout["createdAt"]}


def returned(record: Document, service: Answer, newest: Answer | None) -> bool:
    """Whether ECS has gone back from the deployment of a way back, to what that was to leave: it is PRIMARY again,
    perhaps by a deployment that no record knows, and nobody else's work. ``newest``: the newest service deployment."""
    steps, before = record["steps"], record["before"]
    is_of_us = newest is not None and newest["serviceDeploymentArn"] != before.get("service_deployment")
    if not is_of_us or not ecs_goes_back(newest):
        return False
    if record["kind"] == ROLLBACK:
        return bool(service.get("taskDefinition") == before["task_definition"])
    return bool(record["state"] == ROLLING_BACK and service.get("taskDefinition") == steps["task_definition"])


def problem(record: Document, service: Answer) -> str | None:
    """Whose deployment stands in the way, in words; None when the release may write.

    ``service`` as DescribeServices answers it. A look that shows an older deployment of the release is only a stale
    one; the caller looks twice before it believes the answer.
    """
    primary = looks.primary(service)
    steps = record["steps"]
    ours = {record["before"]["deployment"], steps["deployment"], steps["rollback_deployment"]}
    if primary.get("id") in ours or _has_our_content(record, service):
        return None
    name = looks.name_of(str(primary.get("taskDefinition") or "no task definition"))
    began = primary.get("createdAt")
    return one_line(
        f"deployment {primary.get('id')} of {name}, begun {began or 'at an unknown time'}, is neither what was live "
        f"before release {record['seq']} nor its own"
    )


def _has_our_content(record: Document, service: Answer) -> bool:
    """Whether the service runs what the release wants, or, on the way back, what was before: ECS's own circuit breaker
    goes back with a deployment of its own, and what it put back needs no defence. A run that died on its way back may
    have begun its deployment, and not noted it."""
    intent, before = record["intent"]["task_definition"], record["before"]
    brings_back = (before["task_definition"], way_back_revision(record))
    if record["state"] == ROLLING_BACK and service.get("taskDefinition") in brings_back:
        return True
    if intent["changes"] and not (record["steps"]["task_definition"] or intent["revision"]):
        return False  # its content is not known yet
    wanted = record["steps"]["task_definition"] or intent["revision"] or before["task_definition"]
    wanted_settings = settled(record["intent"]["settings"])
    if before["settings"].get("loadBalancers") == []:
        wanted_settings.pop(GRACE, None)  # a second call sets it (service.calls)
    settings = nested_settings(wanted_settings)
    live = {"task_definition": service.get("taskDefinition"), "settings": live_settings(service), "attributes": {}}
    return not differences({"task_definition": wanted, "settings": settings, "attributes": {}}, live)


def to_put_back(record: Document, arn: str, now: dict[str, str]) -> dict[str, str]:
    """Attributes of one target group that still hold what a fenced release gave them, with their values from before.

    ``now``: all attributes as they are live. What somebody else has set since stays.
    """
    before, ours = record["before"]["attributes"].get(arn, {}), record["intent"]["attributes"].get(arn, {})
    return {
        key: before[key]
        for key, value in ours.items()
        if now.get(key) == value and before.get(key, value) != value and not target_group.unset(key, before[key])
    }
