# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What settling a plan would do, for whoever reads it before: the calls, and what starts new tasks."""

from __future__ import annotations

from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules import service, strategies, tags
from ansible_collections.steady.ecs.plugins.module_utils.rules.differences import Difference
from ansible_collections.steady.ecs.plugins.module_utils.rules.outcome import duration_text
from ansible_collections.steady.ecs.plugins.module_utils.rules.records import Document, proven
from ansible_collections.steady.ecs.plugins.module_utils.rules.settings import GRACE, SCALING, beside
from ansible_collections.steady.ecs.plugins.module_utils.rules.task_definition_meaning import RESOURCE

Answer = dict[str, Any]


def lines(
    differences: list[Difference],
    becoming: Answer,
    gates: int,
    last: Document | None,
    by_stack: list[str] | None = None,
    force: bool = False,
) -> list[str]:
    """The calls in their order, one line each; none for an empty plan. ``becoming``: the service as they would make
    it. ``gates``: one-off tasks that come first. ``last``: the record of the current release. ``by_stack``: what is
    said of the attributes where a stack owns them. ``force``: new tasks though nothing differs."""
    content = [each for each in differences if each.resource == RESOURCE]
    of_service = [each for each in differences if each.resource == service.RESOURCE]
    settings = [each for each in of_service if not beside(each.path)]
    scaling = [each.path.partition(".")[2] for each in of_service if each.path.startswith(f"{SCALING}.")]
    added, removed = tags.request(of_service)
    groups = sorted({each.resource for each in differences} - {RESOURCE, service.RESOURCE})
    found = list(by_stack or [])
    for group in groups if by_stack is None else []:
        count = sum(each.resource == group for each in differences)
        attributes = f"{count} attribute{'' if count == 1 else 's'}"
        found.append(f"elasticloadbalancing:ModifyTargetGroupAttributes ({group}: {attributes})")
    if content:
        found.append("ecs:RegisterTaskDefinition, unless an equal revision exists")
        found += ["ecs:RunTask, and the rollout only when it ends with 0"] * gates
    if scaling:
        found.append(f"application-autoscaling:RegisterScalableTarget ({', '.join(scaling)})")
    if added:
        found.append(f"ecs:TagResource ({', '.join(each['key'] for each in added)})")
    if removed:
        found.append(f"ecs:UntagResource ({', '.join(removed)})")
    if content or settings or force:
        first = any(each.path == "loadBalancers" and each.expected and not each.actual for each in settings)
        late = [each.path for each in settings if each.path == GRACE and first]  # service.calls
        names = ["taskDefinition"] * bool(content) + [each.path for each in settings if each.path not in late]
        names += ["forceNewDeployment"] * force
        starts = bool(content) or force or service.deploys(settings, becoming)
        found.append(f"ecs:UpdateService ({', '.join(names)}), {_deployment(becoming, last, starts)}")
        found += [f"ecs:UpdateService ({each}), {_deployment(becoming, last, False)}" for each in late]
    return [f"call {number}: {text}" for number, text in enumerate(found, 1)]


def _deployment(becoming: Answer, last: Document | None, starts: bool) -> str:
    """What the update means for the tasks."""
    if not starts:
        return "which starts no deployment"
    desired, (more, fewer) = int(becoming.get("desiredCount", 0)), service.room(becoming)
    if desired == 0:
        return "which starts a deployment of no task"
    tasks = f"{desired} task{'' if desired == 1 else 's'}"
    if strategies.shifts(becoming):
        configuration = becoming[strategies.CONFIGURATION]
        waits = f", waiting {strategies.minutes(configuration):g} min on purpose"
        how = f"shifts the traffic to them ({strategies.of(configuration)}{waits})"
        return f"which starts a deployment of {tasks} beside the old ones and {how}{_duration(last)}"
    if more + fewer < 1:
        most, least = service.percents(becoming)
        return (
            f"which starts a deployment of {tasks} that cannot begin: maximumPercent {most} and minimumHealthyPercent "
            f"{least} leave no room for a new one"
        )
    rounds = f", {more + fewer} at a time" if more + fewer < desired else ""
    return f"which starts a deployment of {tasks}{rounds}{_duration(last)}"


def _duration(last: Document | None) -> str:
    """How long the last one took: the start of an application is in no answer of AWS's."""
    if last is None or not proven(last) or not last["verdict"]["duration_seconds"]:
        return ""
    return f" (release {last['seq']} took {duration_text(last['verdict']['duration_seconds'])})"
