# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Settings of a service: when two are equal, and what UpdateService must be told. The table is in settings.py.

Only what is declared is compared: a setting that nobody names stays as it is live.
"""

from __future__ import annotations

import math
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules import (
    connect,
    looks,
    redact,
    scaling,
    strategies,
    tags,
    together,
)
from ansible_collections.steady.ecs.plugins.module_utils.rules.declaration import DeclarationError
from ansible_collections.steady.ecs.plugins.module_utils.rules.differences import Difference
from ansible_collections.steady.ecs.plugins.module_utils.rules.settings import (
    GRACE,
    NO_DEFAULT,
    REBALANCING,
    SETTINGS,
    TAG,
    TAGS,
    Setting,
    beside,
    live_value,
    tag_path,
)

RESOURCE = "service"
NEXT = "(next)"
_CONFIGURATION = "deploymentConfiguration"
_MOST, _LEAST = (f"{_CONFIGURATION}.{name}" for name in ("maximumPercent", "minimumHealthyPercent"))
_BREAKER = f"{_CONFIGURATION}.deploymentCircuitBreaker"

WRITTEN_DOWN = (
    f"{_CONFIGURATION}.maximumPercent",
    f"{_CONFIGURATION}.minimumHealthyPercent",
    f"{_BREAKER}.enable",
    f"{_BREAKER}.rollback",
    GRACE,
)
"""What ``init`` declares: the settings that decide about downtime. Never the count, which autoscaling may own, nor
what the template that made the service owns (network, capacity, load balancers)."""


def compare(declared: dict[str, Any], live: dict[str, Any]) -> list[Difference]:
    """What the declared settings and a service as DescribeServices answers it disagree about, in the table's order.

    Raises DeclarationError for a name outside the table, a value of the wrong kind, and contradictions.
    """
    leaves, found = _leaves(declared), []
    _refuse_contradictions(declared, live)
    _refuse_threshold(leaves, live)
    _refuse_rebalancing(leaves, live)
    for path in [*(each for each in SETTINGS if each in leaves), *(each for each in leaves if each not in SETTINGS)]:
        setting = SETTINGS.get(path, TAG)
        expected, actual = _expected(path, setting, leaves[path]), _actual(path, setting, live)
        if expected != actual:
            found.append(Difference(RESOURCE, path, expected, actual))
    return found + _taken_along(declared, leaves, {each.path for each in found}, live)


def planned(task_definition: str | None, settings: dict[str, Any], live: dict[str, Any]) -> list[Difference]:
    """All that one UpdateService would settle: the revision, then the settings. Raises DeclarationError."""
    controller = looks.controller(live)
    if controller != "ECS":
        raise DeclarationError(
            f"{live.get('serviceName')} is deployed by the controller {controller}, which keeps no deployments of "
            f"ECS's own. {looks.deployed_otherwise(controller)}"
        )
    if live.get("status", "ACTIVE") != "ACTIVE":
        raise DeclarationError(
            f"{live.get('serviceName')} is {live['status']}: it is being deleted and takes no deployment. Create it "
            "again with the template that made it."
        )
    return revision_difference(task_definition, live) + compare(settings, live)


def deploys(differences: list[Difference], live: dict[str, Any]) -> bool:
    """Whether settling these differences makes ECS start a new deployment, that is, new tasks."""
    return any(
        each.path == "taskDefinition" or (each.path in SETTINGS and SETTINGS[each.path].deploys) for each in differences
    ) and bool(live.get("deployments"))


def percents(live: dict[str, Any]) -> tuple[int, int]:
    """maximumPercent and minimumHealthyPercent of a service."""
    configuration = live.get(_CONFIGURATION) or {}
    most, least = (
        int(configuration.get(name, SETTINGS[f"{_CONFIGURATION}.{name}"].default))
        for name in ("maximumPercent", "minimumHealthyPercent")
    )
    return most, least


def room(live: dict[str, Any]) -> tuple[int, int]:
    """How many tasks a deployment may run beyond the desired count, and how many it may stop before a new one runs.

    maximumPercent is rounded down, minimumHealthyPercent up (API reference, DeploymentConfiguration). A strategy that
    shifts traffic runs both versions in full.
    """
    if strategies.shifts(live):
        return int(live.get("desiredCount", 0)), 0
    desired, (most, least) = int(live.get("desiredCount", 0)), percents(live)
    return desired * most // 100 - desired, desired - math.ceil(desired * least / 100)


def registered(wanted: str | None, check_mode: bool) -> str | None:
    """The wanted revision. One that ends in ``(next)`` is not registered yet and has a meaning in check mode only."""
    if str(wanted or "").endswith(NEXT) and not check_mode:
        raise DeclarationError(
            f"task_definition {wanted} stands for a revision that is not registered. Give the task_definition_arn that "
            "steady.ecs.task_definition returned in this run."
        )
    return wanted


def shown(differences: list[Difference]) -> list[Difference]:
    """The differences as they may be shown."""
    key = redact.run_key()
    return [redact.difference(each, set(), key) for each in differences]


def diff(differences: list[Difference], arguments: dict[str, Any]) -> dict[str, Any]:
    """Before and after for ``--diff``, of differences that may be shown."""
    found = redact.diff(differences)
    if arguments.get("forceNewDeployment"):
        found["before"]["forceNewDeployment"], found["after"]["forceNewDeployment"] = False, True
    return found


def revision_difference(wanted: str | None, live: dict[str, Any]) -> list[Difference]:
    """The difference between the service's revision and the wanted one: an ARN, or ``family:revision``.

    A family alone is refused: it means the newest revision at the moment of the call, so nobody could say what runs.
    """
    actual = str(live.get("taskDefinition", ""))
    if not wanted:
        return []
    name = wanted.rsplit("/", 1)[-1]
    if not name.partition(":")[2]:
        raise DeclarationError(
            f"task_definition {wanted} names no revision. Give family:revision or an ARN, such as {actual or 'web:75'}."
        )
    arn = wanted if wanted.startswith("arn:") else f"{actual.rpartition('/')[0]}/{wanted}".lstrip("/")
    return [] if arn == actual else [Difference(RESOURCE, "taskDefinition", arn, actual)]


def request(differences: list[Difference], live: dict[str, Any], force: bool = False) -> dict[str, Any]:
    """The arguments of UpdateService that settle these differences, without cluster and service (case C59).

    A structure is sent whole, as it is live with the declared values laid over it, for what AWS does with the members
    left out of one is written down nowhere. What another call sets (:func:`settings.beside`) is left out. A capacity
    provider strategy is taken over only together with a forced deployment (case C51), and going from a launch type to
    a strategy needs no launchType in the call.
    """
    arguments: dict[str, Any] = {}
    for each in differences:
        name, *inner = each.path.split(".")
        if beside(each.path):
            continue
        if not inner:
            arguments[name] = each.expected
            continue
        if name not in arguments:
            arguments[name] = _copied(live_value(name, live) or {})
        place = arguments[name]
        for step in inner[:-1]:
            place[step] = place.get(step) or {}
            place = place[step]
        if each.expected is None:
            place.pop(inner[-1], None)
        else:
            place[inner[-1]] = each.expected
    _complete(arguments, {each.path for each in differences})
    if force or "capacityProviderStrategy" in arguments:
        arguments["forceNewDeployment"] = True
    return arguments


def calls(differences: list[Difference], live: dict[str, Any], force: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    """The arguments of UpdateService, and those of a second call: ECS takes a grace period only for a service that has
    load balancers by then (aws-cloudformation/cloudformation-coverage-roadmap#1313)."""
    first = request(differences, live, force)
    if live.get("loadBalancers") or not first.get("loadBalancers") or GRACE not in first:
        return first, {}
    return first, {GRACE: first.pop(GRACE)}


def declared_from(live: dict[str, Any]) -> dict[str, Any]:
    """The settings of a live service that an inventory should declare, in the form that ``settings`` takes."""
    found: dict[str, Any] = {}
    for path in WRITTEN_DOWN:
        if path == GRACE and not live.get("loadBalancers"):
            continue
        place, steps = found, path.split(".")
        for step in steps[:-1]:
            place = place.setdefault(step, {})
        place[steps[-1]] = _actual(path, SETTINGS[path], live)
    return found


def _leaves(declared: dict[str, Any]) -> dict[str, Any]:
    """Declared values by their path in the table; null above a path stands for null at each path below it."""
    found: dict[str, Any] = {}

    def walk(value: Any, path: str) -> None:
        below = [each for each in SETTINGS if each.startswith(f"{path}.")]
        if path in SETTINGS:
            found[path] = value
        elif path == TAGS and isinstance(value, dict):
            found.update({tag_path(tags.declared(key)): text for key, text in value.items()})
        elif value is None and below:
            found.update(dict.fromkeys(below))
        elif not below and path != TAGS:
            raise DeclarationError(_unknown(path))
        elif not isinstance(value, dict):
            said = "" if path == connect.NAME else f"; it is {value!r}"  # a log option in it may be a secret
            raise DeclarationError(f"{path} must be a mapping{said}.")
        else:
            for name, item in value.items():
                walk(item, f"{path}.{name}")

    for name, value in declared.items():
        walk(value, str(name))
    return found


def _unknown(path: str) -> str:
    above, _dot, name = path.rpartition(".")
    known = sorted(
        {each[len(above) + 1 if above else 0 :].split(".")[0] for each in SETTINGS if each.startswith(above)}
    )
    if path == "taskDefinition":
        return "taskDefinition is not a setting: give the revision as task_definition."
    place = f" in {above}" if above else ""
    return f"The service setting {name}{place} is not known. Settings{place}: {', '.join(known)}."


def _taken_along(
    declared: dict[str, Any], leaves: dict[str, Any], changed: set[str], live: dict[str, Any]
) -> list[Difference]:
    """What goes with the declared values that change, as far as it is there."""
    along = _leaves(together.taken_along(declared)).keys() - leaves.keys()
    found = [(path, each) for path, each in SETTINGS.items() if path in along and together.switch(path) in changed]
    return [
        Difference(RESOURCE, path, None, actual)
        for path, setting in found
        if (actual := _actual(path, setting, live)) != setting.default
    ]


def _refuse_contradictions(declared: dict[str, Any], live: dict[str, Any]) -> None:
    scaling.refuse_contradictions(declared, live)
    tags.refuse_contradictions(declared, live)
    connect.refuse_contradictions(declared, live_value(connect.NAME, live) or {})
    if declared.get("launchType") and declared.get("capacityProviderStrategy"):
        raise DeclarationError("launchType and capacityProviderStrategy exclude each other: declare one of them.")
    launch_type = declared.get("launchType")
    if launch_type and live and launch_type != live.get("launchType"):
        raise DeclarationError(
            f"UpdateService cannot change launchType ({live.get('launchType') or 'a capacity provider strategy'} to "
            f"{launch_type}). Declare capacityProviderStrategy: a list of providers, or [] for the launch type."
        )
    strategies.refuse_contradictions(declared, live)
    _refuse_percentages(declared, live)


def _refuse_percentages(declared: dict[str, Any], live: dict[str, Any]) -> None:
    configuration = declared.get(_CONFIGURATION)
    if not isinstance(configuration, dict) or not {"maximumPercent", "minimumHealthyPercent"} & set(configuration):
        return
    both = {**(live.get(_CONFIGURATION) or {}), **configuration}
    most, least = (_expected(path, SETTINGS[path], both.get(path.rsplit(".", 1)[1])) for path in (_MOST, _LEAST))
    if not 0 <= least <= 100:
        raise DeclarationError(f"minimumHealthyPercent must be 0 to 100; it is {least}.")
    if most < 100:
        raise DeclarationError(f"maximumPercent must be 100 or more; it is {most}.")
    if most <= 100 and least >= 100:
        raise DeclarationError(
            "maximumPercent 100 with minimumHealthyPercent 100 leaves no room to start or to stop a task, so no "
            "deployment could go on. Raise maximumPercent or lower minimumHealthyPercent."
        )


def _refuse_rebalancing(leaves: dict[str, Any], live: dict[str, Any]) -> None:
    """Developer guide, "Balancing an Amazon ECS service across Availability Zones". What is live AWS has taken."""
    now, wanted = ([_becomes(path, given, live) for path in (_MOST, REBALANCING)] for given in ({}, leaves))
    if wanted != now and wanted[0] <= 100 and wanted[1] == "ENABLED":
        raise DeclarationError(
            "AWS does not rebalance Availability Zones where maximumPercent is 100. Raise maximumPercent, or declare "
            f"{REBALANCING}: DISABLED."
        )


def _refuse_threshold(leaves: dict[str, Any], live: dict[str, Any]) -> None:
    """Developer guide, "How the Amazon ECS deployment circuit breaker detects failures"."""
    paths = [f"{_BREAKER}.thresholdConfiguration.{name}" for name in ("type", "value")]
    if not leaves.keys() & set(paths):
        return
    kind, value = (_becomes(path, leaves, live) for path in paths)
    if value < 1 or (kind != "COUNT" and value > 100):
        raise DeclarationError(
            f"The value {value} of thresholdConfiguration is too low, or too high for a percentage ({kind}): give 1 to "
            "100, or declare the type COUNT for a number of failed tasks."
        )


def _becomes(path: str, leaves: dict[str, Any], live: dict[str, Any]) -> Any:
    """The value of a setting once these are declared."""
    return _expected(path, SETTINGS[path], leaves[path]) if path in leaves else _actual(path, SETTINGS[path], live)


def _expected(path: str, setting: Setting, value: Any) -> Any:
    if value is not None:
        return setting.normal(path, value)
    if setting.default is NO_DEFAULT:
        raise DeclarationError(f"{path} has no default to go back to: give a value, or leave it out.")
    return setting.default


def _actual(path: str, setting: Setting, live: dict[str, Any]) -> Any:
    value = live_value(path, live)
    if value is None:
        return None if setting.default is NO_DEFAULT else setting.default
    return setting.normal(path, value)


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _copied(item) for name, item in value.items() if item is not None}
    return [_copied(each) for each in value] if isinstance(value, list) else value


def _complete(arguments: dict[str, Any], changed: set[str]) -> None:
    """Fill in what AWS requires beside a declared member: enable and rollback of breaker and alarms, type and value.
    And leave out what it would refuse: a grace period of 0, the default, in the call that takes the load balancers."""
    if arguments.get("loadBalancers") == [] and arguments.get(GRACE) == 0:
        del arguments[GRACE]
    configuration = arguments.get(_CONFIGURATION, {})
    strategies.complete(configuration, f"{_CONFIGURATION}.strategy" in changed)
    breaker = configuration.get("deploymentCircuitBreaker")
    if breaker is not None:
        breaker.update({"enable": False, "rollback": False} | breaker)
        if "thresholdConfiguration" in breaker:
            given = breaker["thresholdConfiguration"]
            breaker["thresholdConfiguration"] = {"type": "BOUNDED_PERCENT", "value": 50} | given
    if not arguments.get(connect.NAME, {}).get("enabled", True):
        arguments[connect.NAME] = {"enabled": False}
    if "alarms" in configuration:
        configuration["alarms"] = {"alarmNames": [], "enable": False, "rollback": False} | configuration["alarms"]
