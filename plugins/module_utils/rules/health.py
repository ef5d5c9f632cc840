# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a healthy service is, as checks: of the service, its tasks, their environment, and what users meet."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules import (
    addresses,
    outcome,
    ownership,
    redact,
    settings,
    target_group,
)
from ansible_collections.steady.ecs.plugins.module_utils.rules.checks import Check, check, failed, not_checked, text
from ansible_collections.steady.ecs.plugins.module_utils.rules.differences import Difference
from ansible_collections.steady.ecs.plugins.module_utils.rules.endpoints import NAMED, Endpoint, NoValue, value_at
from ansible_collections.steady.ecs.plugins.module_utils.rules.looks import (
    Look,
    address_of,
    group_name,
    is_running,
    name_of,
    targets_of,
    unhealthy,
)
from ansible_collections.steady.ecs.plugins.module_utils.rules.outcome import shortened

Answer = dict[str, Any]
Environment = dict[str, str | None]  # pylint: disable=unsupported-binary-operation  # Python 3.12

MOST_SHOWN = 10
"""Of a list of what is wrong: a whole definition may differ in hundreds of places."""
LONGEST_IDENTITY = 80
LONGEST_VALUE = 200
SERVER_ERROR = 500
"""The first status by which a server says that it has failed itself (RFC 9110)."""
LATER = "it is asked only once the checks of the service hold"
COUNT, DEPLOYMENT, REVISIONS, TARGETS = "task count", "deployment", "revision of each task", "targets in "
LASTING = ("service status", "service revision", "task definition", "attributes of ", "environment of ", "image of ")
"""How the names of those checks begin that look at what somebody has set, not at what ECS is about to do."""
STICKINESS, STICKY = "stickiness", "one task with the cookie, several without"


# -- the service


def status(service: Answer) -> Check:
    """The service is there and is not being deleted."""
    return check(
        "service status",
        "ACTIVE",
        service["status"],
        service["status"] == "ACTIVE",
        "A service that is being deleted starts no tasks: create it again.",
    )


def declared_count(verified: int | None, given: Answer) -> int | None:
    """The count that must be wanted; None: whatever the service wants, for autoscaling moves it (case C35) from where
    ``given``, the declared settings, had it begin. A declared 0 is nothing that it moves."""
    return 0 if verified is None and settings.declared_count(given) == 0 else verified


def count(look: Look, declared: int | None) -> Check:
    """As many tasks run as the service wants, and it wants as many as declared. ``declared`` None: whatever it wants.

    Without a declared count the service's own is followed, for autoscaling moves it (case C35); but where nothing is
    to run, nothing can be verified, unless 0 is declared.
    """
    service, running = look.service, len(running_tasks(look))
    desired, counted = service["desiredCount"], service["runningCount"]
    wanted = desired if declared is None else declared
    pending = f", {service['pendingCount']} starting" if service.get("pendingCount") else ""
    # ECS counts and ECS lists at two moments; until both agree neither is believed.
    found = f"{running if counted == desired else counted} running of {desired} desired{pending}"
    if wanted == 0 and declared is None:
        return check(COUNT, "1 or more", found, False, "Scale the service, or set health_desired_count to 0.")
    remedy = "The newest events of the service say why: aws ecs describe-services."
    if desired != wanted:
        remedy = "Set the service's desired count, or correct health_desired_count."
    return check(
        COUNT,
        f"{wanted} running of {wanted} desired",
        found,
        desired == wanted == counted == running,
        remedy,
    )


def deployment(service: Answer) -> Check:
    """The service has one deployment, and it is complete. Another that is in progress is named."""
    listed = service.get("deployments", [])
    found = "; ".join(_deployment(each) for each in listed) or "none"
    return check(
        DEPLOYMENT,
        "one, COMPLETED",
        found,
        len(listed) == 1 and listed[0].get("rolloutState") == "COMPLETED",
        "Wait until it is complete, or find out who began it, and run the same command again.",
    )


def revision(service: Answer, expected: str) -> Check:
    """The service runs this revision, given as an ARN or as ``family:revision``."""
    live = service["taskDefinition"]
    return check(
        "service revision",
        name_of(expected),
        name_of(live),
        expected in (live, name_of(live)),
        f"Bring the service to {name_of(expected)}.",
    )


def content(service: Answer, differences: list[Difference]) -> Check:
    """The service's revision has the declared content. The differences must be fit to be shown."""
    name = name_of(service["taskDefinition"])
    wrong = [f"{each.path} is {text(each.actual)}, declared {text(each.expected)}" for each in differences]
    return check(
        "task definition",
        "as declared",
        _some(wrong) if wrong else f"{name}, as declared",
        not wrong,
        "Deploy what is declared, or correct the declaration.",
    )


# -- its tasks


def running_tasks(look: Look) -> list[Answer]:
    """The tasks that run and are meant to go on running."""
    return [each for each in look.tasks if is_running(each)]


def healthy_count(look: Look) -> int:
    """How many tasks run and are healthy in every target group."""
    return sum(not unhealthy(each, look) for each in running_tasks(look))


def task_revisions(look: Look) -> Check:
    """Every running task runs the revision of the service."""
    expected, running = look.service["taskDefinition"], running_tasks(look)
    others = [
        f"{_who(each)} runs {name_of(each['taskDefinitionArn'])}"
        for each in running
        if each["taskDefinitionArn"] != expected
    ]
    return check(
        REVISIONS,
        name_of(expected),
        _some(others) if others else f"{len(running)} of {len(running)} on {name_of(expected)}",
        not others,
        "Wait until the deployment has replaced these tasks, or deploy again.",
    )


def targets(look: Look, group: str) -> Check:
    """Each running task is a healthy target of this group, known by its address and container port."""
    running = running_tasks(look)
    balancers = [each for each in look.service.get("loadBalancers", []) if each.get("targetGroupArn") == group]
    wrong = [why for each in running for balancer in balancers for why in _ill(each, balancer, look.targets[group])]
    return check(
        f"{TARGETS}{group_name(group)}",
        "each task's target is healthy",
        _some(wrong) if wrong else f"{len(running)} of {len(running)} healthy",
        not wrong,
        "The reason is Elastic Load Balancing's: compare the group's health check with what the container answers.",
    )


def no_group(group: str) -> Check:
    """A target group that the service names, and that is deleted (case C29)."""
    return check(
        f"{TARGETS}{group_name(group)}",
        "each task's target is healthy",
        "the target group is deleted",
        False,
        "Give the service an existing target group.",
    )


def attributes(name: str, declared: dict[str, str], live: dict[str, str], owner: str | None = None) -> Check:
    """The target group has the declared attributes, all as text."""
    theirs = ownership.ELSEWHERE.get(owner or "")
    return check(
        f"attributes of {name}",
        declared,
        {key: live.get(key) for key in declared},
        all(live.get(key) == value for key, value in declared.items()),
        f"Write it where {theirs} has it, and apply it."
        if theirs
        else "Deploy what is declared, or find out who changed it.",
    )


def containers(look: Look, names: list[str]) -> Check:
    """These containers run in every running task, and no container that has a health check of its own fails it."""
    running, wrong = running_tasks(look), []
    for each in running:
        found = {container["name"]: container for container in each.get("containers", [])}
        ill = [name for name, container in found.items() if container.get("healthStatus") == "UNHEALTHY"]
        wrong += [f"{name} in {_who(each)} is UNHEALTHY" for name in ill]
        wrong += [
            f"{name} in {_who(each)} is {_state(found.get(name))}" for name in names if not _runs(found.get(name))
        ]
        if each.get("healthStatus") == "UNHEALTHY" and not ill:
            wrong.append(f"{_who(each)} is UNHEALTHY")
    pairs = len(running) * len(names)
    return check(
        "containers",
        f"RUNNING in each task: {', '.join(names)}" if names else "no health check of a container fails",
        _some(wrong) if wrong else f"{pairs} of {pairs} RUNNING" if names else "none fails",
        not wrong,
        "Its log says why; a name that no task has must be corrected in health_containers.",
    )


def environment(
    container: str, expected: Environment, live: dict[str, Environment], safe: set[str], key: bytes
) -> Check:
    """A container's environment in the revisions that tasks run has what is declared, and not what is removed (C14).

    ``expected``: variable to value, None for absent. ``live``: revision to the container's whole environment.
    """
    name, shown = f"environment of {container}", redact.environment(expected, safe, key)
    if not live:
        return not_checked(name, shown, "no task runs")
    found = {arn: {each: values.get(each) for each in expected} for arn, values in live.items()}
    wrong = [arn for arn, values in found.items() if values != expected]
    return check(
        name,
        shown,
        redact.environment(found[wrong[0] if wrong else next(iter(found))], safe, key),
        not wrong,
        f"{', '.join(name_of(arn) for arn in wrong)} has it otherwise: deploy what is declared.",
    )


def environment_of(content: Answer, container: str) -> Environment:
    """The whole environment of a container in a revision; an empty one where it has none."""
    found = [each for each in content.get("containerDefinitions", []) if each.get("name") == container]
    return {each["name"]: each.get("value", "") for item in found for each in item.get("environment") or []}


# -- what users meet


def not_asked(wanted: Endpoint, why: str) -> Check:
    """A URL that is not asked."""
    return not_checked(_endpoint(wanted), wanted.expected, why)


def endpoint(wanted: Endpoint, found: int | str, body: bytes = b"") -> Check:
    """A URL answers as is declared. ``found``: the status, or why there was no answer."""
    told, ok = str(found), found == wanted.status
    remedy = "The tasks are healthy to the load balancer: look at the application's log, the listener and the name."
    if ok and wanted.path is not None:
        try:
            value = value_at(body, wanted.path)
            told, ok = f"{found}, {wanted.path} is {json.dumps(value)[:LONGEST_VALUE]}", value == wanted.equals
        except NoValue as instead:
            told, ok = f"{found}, but {instead}", False
            remedy = (
                "Find out who answers there (a proxy, a page of its own), or correct url and path in health_endpoints."
            )
    return check(_endpoint(wanted), wanted.expected, told, ok, remedy)


def as_restored(found: Check, answered: int | str, recorded: dict[str, str]) -> Check:
    """The same of a release that was gone back to, for what is declared now may be of a later one.

    As it answered when that release was verified, it is as it was. Where that release was never asked for it, an answer
    says nothing of it; silence, and an error of the server, are ill in any. ``recorded``: see
    :func:`endpoints.recorded`.
    """
    if found["ok"] is not False:
        return found
    known = recorded.get(found["name"])
    if known == shortened(found["found"]):
        return {**found, "expected": f"{found['expected']}, or {known} as in the release gone back to", "ok": True}
    if known is None and isinstance(answered, int) and answered < SERVER_ERROR:
        reason = f"found {found['found']}; the release gone back to was never asked for it, so that says nothing"
        return not_checked(found["name"], found["expected"], reason)
    return found


def _endpoint(wanted: Endpoint) -> str:
    return f"{NAMED}{addresses.shown(wanted.url)}"


def stickiness(
    with_cookie: list[str | None], without: list[str | None], cookies: set[str], live: dict[str, str]
) -> Check:
    """A client with cookies met one task, and clients without met several (case C27). Which task, or None: unnamed.

    ``cookies``: names of the client's. Where the application's own begins the stickiness (``live``, the group's
    attributes), one who never got it says nothing ("Sticky sessions for your Application Load Balancer").
    """
    own = live.get(target_group.COOKIE_NAME, "")
    if live.get(target_group.TYPE) == "app_cookie" and own not in cookies:
        return not_checked(
            STICKINESS, STICKY, f"no answer sets the cookie {own}: name a request in task_identity that does"
        )
    met, others = ({each for each in seen if each is not None} for seen in (with_cookie, without))
    spread = len(met) == 1 and len(others) > 1
    stayed = f"{_tasks(met, spread)} in {len(with_cookie)} requests with the cookie"
    found = f"{stayed}, {_tasks(others, spread)} in {len(without)} without"
    if len(met) > 1:
        return check(
            STICKINESS, STICKY, found, False, "Users change tasks: look at the group's stickiness and its rules."
        )
    unnamed = (with_cookie + without).count(None)
    if unnamed:
        return not_checked(STICKINESS, STICKY, f"{unnamed} of {len(with_cookie + without)} answers name no task")
    remedy = "Clients without a cookie are not spread: look at the listener's rules, and at what stands before it."
    return check(STICKINESS, STICKY, found, len(others) > 1, remedy)


def unanswered(url: str, found: int | str) -> Check:
    """Stickiness, where a request for it failed: a status of 500 and more, or why there was no answer."""
    return check(STICKINESS, STICKY, f"{url}: {found}", False, "Find out why it fails although all tasks are healthy.")


def why_not_sticky(url: str | None, identity: Answer, live: dict[str, str] | None, healthy: int) -> str:
    """Why stickiness cannot be looked at; empty when it can. ``live``: the group's attributes, None without a group."""
    if not url:
        return "no url is declared"
    if not identity:
        return "no task_identity is declared, so answers cannot be told apart"
    if live is None:
        return "it is not known which target group serves the url: set target_group_name"
    if live.get("stickiness.enabled") != "true":
        return "stickiness is off"
    return "" if healthy > 1 else f"{healthy} healthy task: there is no other to change to"


def lasting(found: list[Check]) -> list[str]:
    """Names of the failed checks that no waiting mends; none while a deployment replaces what is looked at."""
    wrong = [each["name"] for each in failed(found)]
    if DEPLOYMENT in wrong or REVISIONS in wrong:
        return []
    return [name for name in wrong if name.startswith(LASTING)]


def summary(look: Look) -> str:
    """``web runs web:75, 3/3 healthy``."""
    service = look.service
    name, live = service["serviceName"], name_of(service["taskDefinition"])
    return f"{name} runs {live}, {healthy_count(look)}/{service['desiredCount']} healthy"


# -- words


def _tasks(seen: set[str], brief: bool) -> str:
    names = (
        f" ({', '.join(sorted(outcome.one_line(each)[:LONGEST_IDENTITY] for each in seen))})"
        if seen and not brief
        else ""
    )
    return f"{len(seen)} task{'' if len(seen) == 1 else 's'}{names}"


def _ill(task: Answer, balancer: Answer, found: list[Answer]) -> list[str]:
    own = targets_of(task, balancer, found)
    who = f"{_who(task)}:{balancer.get('containerPort')}"
    if not own:
        return [f"{who} is not registered"]
    return [
        f"{who} is {each['state']}{f' ({each["reason"]})' if each['reason'] else ''}"
        for each in own
        if each["state"] != "healthy"
    ]


def _runs(container: Answer | None) -> bool:
    return container is not None and container["lastStatus"] == "RUNNING"


def _state(container: Answer | None) -> str:
    if container is None:
        return "not in it"
    code = container.get("exitCode")
    return f"{container['lastStatus']}{'' if code is None else f' (exit code {code})'}"


def _who(task: Answer) -> str:
    return address_of(task) or name_of(task["taskArn"])[:8]


def _deployment(each: Answer) -> str:
    began = each.get("createdAt")
    since = f", begun {began:%Y-%m-%d %H:%M:%S %Z}" if began else ""
    state = each.get("rolloutState", each.get("status"))
    return f"{each.get('id')} {state} of {name_of(each.get('taskDefinition'))}{since}"


def _some(wrong: list[str]) -> list[str]:
    more = len(wrong) - MOST_SHOWN
    return wrong[:MOST_SHOWN] + ([f"and {more} more"] if more > 0 else [])
