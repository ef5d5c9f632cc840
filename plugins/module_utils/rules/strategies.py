# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Strategies of ECS that shift traffic from one version to the other: BLUE_GREEN, LINEAR and CANARY.

What belongs to which, what contradicts, which target group serves. Sources: DeploymentConfiguration,
DeploymentLifecycleHook and AdvancedConfiguration in the Amazon ECS API reference; "Amazon ECS blue/green service
deployments workflow", Amazon ECS developer guide.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules import looks, values
from ansible_collections.steady.ecs.plugins.module_utils.rules.declaration import DeclarationError

Answer = dict[str, Any]

ROLLING, BLUE_GREEN, LINEAR, CANARY = "ROLLING", "BLUE_GREEN", "LINEAR", "CANARY"
STRATEGIES = (ROLLING, BLUE_GREEN, LINEAR, CANARY)
SHIFTING = (BLUE_GREEN, LINEAR, CANARY)
CONFIGURATION = "deploymentConfiguration"
EARLY = "earlySuccessCriteria"
OWN = {
    EARLY: (ROLLING,),
    "lifecycleHooks": SHIFTING,
    "bakeTimeInMinutes": SHIFTING,
    "linearConfiguration": (LINEAR,),
    "canaryConfiguration": (CANARY,),
}
"""Members of a deployment configuration, and the strategies that have them."""
NUMBERS = tuple(
    f"{CONFIGURATION}.{name}"
    for name in (
        *("canaryConfiguration.canaryPercent", "canaryConfiguration.canaryBakeTimeInMinutes"),
        *("linearConfiguration.stepPercent", "linearConfiguration.stepBakeTimeInMinutes"),
    )
)
"""AWS fills in those that are left out (CanaryConfiguration, LinearConfiguration)."""
STAGES = (
    *("RECONCILE_SERVICE", "PRE_SCALE_UP", "SCALE_UP", "POST_SCALE_UP", "TEST_TRAFFIC_SHIFT"),
    *("POST_TEST_TRAFFIC_SHIFT", "PRE_PRODUCTION_TRAFFIC_SHIFT", "PRODUCTION_TRAFFIC_SHIFT"),
    *("POST_PRODUCTION_TRAFFIC_SHIFT", "BAKE_TIME", "CLEAN_UP"),
)
"""In their order; LINEAR and CANARY go through those of the production traffic once for each step."""
HOOKED = tuple(each for each in STAGES if each not in ("SCALE_UP", "BAKE_TIME", "CLEAN_UP"))
PERCENT, CLEANUP, CLEANUPS = "healthyPercent", "sourceServiceRevisionCleanup", ("BLOCKING", "DEFERRED")
"""Of the early success criteria (API reference, DeploymentEarlySuccessCriteria)."""
LONGEST = 1440
"""Minutes of any bake time."""
LONGEST_PAUSE = 20160
PAUSE, LAMBDA = "PAUSE", "AWS_LAMBDA"
NEEDED = ("alternateTargetGroupArn", "productionListenerRule", "roleArn")
"""Members of advancedConfiguration without which ECS can shift nothing."""
ADVANCED = "loadBalancers[].advancedConfiguration"


def of(configuration: Answer | None) -> str:
    """The strategy of a deployment configuration."""
    return str((configuration or {}).get("strategy") or ROLLING)


def shifts(service: Answer) -> bool:
    """Whether the deployments of a service shift traffic from one version to the other."""
    return of(service.get(CONFIGURATION)) in SHIFTING


def breaker(service: Answer) -> Answer:
    """The circuit breaker that guards the deployments of a service: it "can only be used for services using the rolling
    update deployment type" (API reference, DeploymentConfiguration), whatever else has one configured."""
    configuration = service.get(CONFIGURATION) or {}
    return {} if shifts(service) else configuration.get("deploymentCircuitBreaker") or {}


def left_behind(configuration: Answer, strategy: str) -> list[str]:
    """The members that a configuration has, and cannot have with this strategy."""
    return [name for name, those in OWN.items() if strategy not in those and _says(configuration.get(name))]


def _says(member: Any) -> bool:
    """Whether a member of a configuration says more than that it is off."""
    if not isinstance(member, dict):
        return bool(member)
    return any(item is not None and item is not False for item in member.values())


def without_breaker(service: Answer) -> str:
    """Why nothing of ECS's ends a deployment whose tasks fail."""
    if breaker(service).get("enable"):
        return "its circuit breaker counts only those that do not start or fail a health check"
    strategy = of(service.get(CONFIGURATION))
    return "no circuit breaker is configured" if strategy == ROLLING else f"{strategy} has no circuit breaker"


def traffic(rollout: Answer) -> str:
    """The stage of a service deployment, and how much of the production traffic goes to the new version."""
    percent = (rollout.get("targetServiceRevision") or {}).get("requestedProductionTrafficWeight")
    share = "" if percent is None else f", {percent:g} % of the production traffic on it"
    return f"stage {rollout['lifecycleStage']}{share}"


def hooks(path: str, value: Any) -> list[Answer]:
    """Lifecycle hooks with AWS's defaults; neither their order nor that of their stages means anything."""
    return sorted((_normal_hook(path, each) for each in values.members(path, value)), key=repr)


def complete(configuration: Answer, changes: bool) -> None:
    """Fill in the bake time, which BLUE_GREEN requires, and leave out what is empty: where the strategy ``changes``,
    nothing is left in it of the one that is given up."""
    if of(configuration) in SHIFTING:
        configuration.setdefault("bakeTimeInMinutes", 0)
    for name, those in OWN.items():
        gone = changes and of(configuration) not in those
        if name not in configuration or _says(configuration[name]):
            continue
        if gone or name.endswith("Configuration"):
            del configuration[name]


def minutes(configuration: Answer) -> float:
    """For how long a deployment waits on purpose: bake times, and those between the steps."""
    strategy, found = of(configuration), float(configuration.get("bakeTimeInMinutes") or 0)
    if strategy == CANARY:
        found += float((configuration.get("canaryConfiguration") or {}).get("canaryBakeTimeInMinutes", 10))
    if strategy == LINEAR:
        linear = configuration.get("linearConfiguration") or {}
        steps = -(-100 // float(linear.get("stepPercent", 10))) - 1
        found += steps * float(linear.get("stepBakeTimeInMinutes", 6))
    return found if strategy in SHIFTING else 0.0


def production_rules(service: Answer) -> list[str]:
    """ARNs of the listener rules whose weights say which group of a pair serves."""
    found = (each.get("advancedConfiguration") or {} for each in service.get("loadBalancers") or [])
    return sorted({str(each["productionListenerRule"]) for each in found if each.get("productionListenerRule")})


def weights(rule: Answer) -> dict[str, int]:
    """By target group, the weight with which a listener rule forwards to it."""
    found: dict[str, int] = {}
    for action in rule.get("Actions") or []:
        forward = (action.get("ForwardConfig") or {}).get("TargetGroups") or []
        found.update({str(each["TargetGroupArn"]): int(each.get("Weight", 1)) for each in forward})
        if not forward and action.get("TargetGroupArn"):
            found[str(action["TargetGroupArn"])] = 1
    return found


def serving(service: Answer, rules: list[Answer]) -> Answer:
    """The service with the two groups of each pair in the order of their production traffic: ECS alternates between
    them, and the service goes on naming the same one first."""
    by_arn = {str(each.get("RuleArn")): weights(each) for each in rules}
    found = []
    for balancer in service.get("loadBalancers") or []:
        advanced, pair = balancer.get("advancedConfiguration") or {}, looks.groups_of(balancer)
        known = by_arn.get(str(advanced.get("productionListenerRule")), {})
        if len(pair) > 1 and any(known.get(each) for each in pair):
            first, second = sorted(pair, key=lambda each: -known.get(each, 0))
            advanced = {**advanced, "alternateTargetGroupArn": second}
            balancer = {**balancer, "targetGroupArn": first, "advancedConfiguration": advanced}
        found.append(balancer)
    return {**service, "loadBalancers": found} if found else service


def leads_back(settings: Answer, live: Answer) -> bool:
    """Whether settings lead from a pair of target groups back to one."""
    if not isinstance(settings.get("loadBalancers"), list) or of(becoming(settings, live)) in SHIFTING:
        return False
    return bool(production_rules(live))


def reachable(settings: Answer, live: Answer, serving: Answer) -> Answer:
    """Settings that lead back to one target group, to the one which has the production traffic by now (``serving``),
    whichever it was when they were written down (case C60)."""
    entries = settings["loadBalancers"]
    pairs = [looks.groups_of(each) for each in live.get("loadBalancers") or []]
    now = [str(each.get("targetGroupArn")) for each in serving.get("loadBalancers") or []]
    moved = {arn: group for pair, group in zip(pairs, now, strict=True) if len(pair) > 1 for arn in pair}
    found = [
        {**each, "targetGroupArn": moved.get(str(each.get("targetGroupArn")), each.get("targetGroupArn"))}
        if isinstance(each, dict)
        else each
        for each in entries
    ]
    return {**settings, "loadBalancers": found}


def still_served(settings: Answer, now: Answer, rules: list[Answer]) -> Answer:
    """Settings that lead to target groups, but for a group without traffic: it gives way to the one that the same port
    has now and that these listener rules forward to."""
    weight: dict[str, int] = {}
    for rule in rules:
        weight.update({group: weight.get(group, 0) + share for group, share in weights(rule).items()})
    has = {port(each): str(each.get("targetGroupArn")) for each in now.get("loadBalancers") or []}
    there = {group for each in now.get("loadBalancers") or [] for group in looks.groups_of(each)}
    found = []
    for entry in settings["loadBalancers"]:
        group, mine = entry.get("targetGroupArn"), has.get(port(entry), "")
        moves = len(looks.groups_of(entry)) == 1 and group not in there and weight.get(mine)
        found.append({**entry, "targetGroupArn": mine} if moves and not weight.get(group) else entry)
    return {**settings, "loadBalancers": found}


def port(entry: Answer) -> tuple[str, str]:
    """What a load-balancer entry is known by: one container may have several ports, each with a group of its own."""
    return str(entry.get("containerName")), str(entry.get("containerPort"))


def reached(wanted: str | None, rollout: Answer | None) -> bool:
    """Whether a service deployment that goes forward is at a stage, or beyond it."""
    stage, status = (rollout or {}).get("lifecycleStage"), (rollout or {}).get("status")
    if not wanted or status != "IN_PROGRESS" or stage not in STAGES:
        return False
    return STAGES.index(str(stage)) >= STAGES.index(wanted)


def becoming(declared: Answer, live: Answer) -> Answer:
    """The deployment configuration that a declaration leads to: null takes away, a structure is laid over."""
    found = dict(live.get(CONFIGURATION) or {})
    given = declared.get(CONFIGURATION)
    given = given if isinstance(given, dict) else {}
    for name in left_behind(found, of({**found, **given})):
        del found[name]
    for name, value in given.items():
        there = found.get(name)
        below = {**(there if isinstance(there, dict) else {}), **value} if isinstance(value, dict) else value
        below = {k: v for k, v in below.items() if v is not None} if isinstance(below, dict) else below
        if below in (None, {}):
            found.pop(name, None)
        else:
            found[name] = below
    return found


def refuse_contradictions(declared: Answer, live: Answer) -> None:
    """Raise DeclarationError for a declared strategy that cannot be, or that lacks what it needs."""
    if not declared.get(CONFIGURATION) and "loadBalancers" not in declared:
        return
    configuration = becoming(declared, live)
    strategy = of(configuration)
    if strategy not in STRATEGIES:
        raise DeclarationError(f"{CONFIGURATION}.strategy must be one of {', '.join(STRATEGIES)}; it is {strategy!r}.")
    for name in left_behind(configuration, strategy):
        raise DeclarationError(
            f"{CONFIGURATION}.{name} belongs to the strategy {' or '.join(OWN[name])}; it cannot be declared with "
            f"{strategy}. Leave it out, or declare that strategy."
        )
    if strategy == CANARY and "canaryConfiguration" not in configuration:
        raise DeclarationError(
            "The strategy CANARY needs to know how much and for how long: declare canaryConfiguration with "
            "canaryPercent and canaryBakeTimeInMinutes."
        )
    if strategy == LINEAR and "linearConfiguration" not in configuration:
        raise DeclarationError(
            "The strategy LINEAR needs its steps: declare linearConfiguration with stepPercent and "
            "stepBakeTimeInMinutes."
        )
    if strategy == BLUE_GREEN and "bakeTimeInMinutes" not in configuration:
        raise DeclarationError(
            f"The strategy BLUE_GREEN needs bakeTimeInMinutes, 0 to {LONGEST}: for how long both versions run after "
            "the traffic has gone to the new one."
        )
    _refuse_ranges(configuration)
    _refuse_early(configuration)
    for hook in hooks(f"{CONFIGURATION}.lifecycleHooks", configuration.get("lifecycleHooks") or []):
        _refuse_hook(hook)
    if strategy in SHIFTING:
        _refuse_balancers(strategy, declared.get("loadBalancers", live.get("loadBalancers")))


def _refuse_ranges(configuration: Answer) -> None:
    canary, linear = (configuration.get(f"{each}Configuration") or {} for each in ("canary", "linear"))
    for path, value in (
        ("bakeTimeInMinutes", configuration.get("bakeTimeInMinutes")),
        ("canaryConfiguration.canaryBakeTimeInMinutes", canary.get("canaryBakeTimeInMinutes")),
        ("linearConfiguration.stepBakeTimeInMinutes", linear.get("stepBakeTimeInMinutes")),
    ):
        if value is not None and values.whole(f"{CONFIGURATION}.{path}", value) > LONGEST:
            raise DeclarationError(f"{CONFIGURATION}.{path} must be 0 to {LONGEST} minutes; it is {value!r}.")
    for path, value, least in (
        ("canaryConfiguration.canaryPercent", canary.get("canaryPercent"), 0.1),
        ("linearConfiguration.stepPercent", linear.get("stepPercent"), 3.0),
    ):
        if value is not None and values.percent(f"{CONFIGURATION}.{path}", value) < least:
            raise DeclarationError(f"{CONFIGURATION}.{path} must be {least} to 100; it is {value!r}.")


def _refuse_early(configuration: Answer) -> None:
    place, criteria = f"{CONFIGURATION}.{EARLY}", configuration.get(EARLY) or {}
    percent, cleanup = criteria.get(PERCENT), criteria.get(CLEANUP)
    lacks = [name for name in (PERCENT, CLEANUP) if criteria.get(name) is None]
    if lacks and values.flag(f"{place}.enable", criteria.get("enable", False)):
        raise DeclarationError(f"{place}.enable needs {' and '.join(lacks)} beside it.")
    if cleanup not in (None, *CLEANUPS):
        raise DeclarationError(f"{place}.{CLEANUP} must be {' or '.join(CLEANUPS)}; it is {cleanup!r}.")
    least = values.whole(f"{CONFIGURATION}.minimumHealthyPercent", configuration.get("minimumHealthyPercent", 100))
    if percent is not None and not least <= values.whole(f"{place}.{PERCENT}", percent) <= 100:
        raise DeclarationError(
            f"{place}.{PERCENT} must be between minimumHealthyPercent, which is {least}, and 100; it is {percent!r}."
        )


def _refuse_balancers(strategy: str, balancers: Any) -> None:
    if not isinstance(balancers, list) or not balancers:
        raise DeclarationError(
            f"The strategy {strategy} is served here for services behind an Application Load Balancer alone, and this "
            "one has no load balancer: declare ROLLING."
        )
    for each in balancers:
        advanced = each.get("advancedConfiguration") if isinstance(each, dict) else None
        advanced = advanced if isinstance(advanced, dict) else {}
        lacks = [name for name in NEEDED if not advanced.get(name)]
        if lacks:
            raise DeclarationError(
                f"The strategy {strategy} needs a second target group and a rule to shift by: {ADVANCED} of "
                f"{each.get('containerName') if isinstance(each, dict) else each} lacks {', '.join(lacks)}."
            )
        if advanced["alternateTargetGroupArn"] == each.get("targetGroupArn"):
            raise DeclarationError(f"{ADVANCED}.alternateTargetGroupArn must be another group than targetGroupArn.")


def _normal_hook(path: str, value: Any) -> Answer:
    if not isinstance(value, dict):
        raise DeclarationError(f"{path} must hold mappings; one is {value!r}.")
    found = {"targetType": LAMBDA} | {str(name): item for name, item in value.items() if item is not None}
    if isinstance(found.get("lifecycleStages"), list):
        found["lifecycleStages"] = sorted(found["lifecycleStages"], key=str)
    if found["targetType"] == PAUSE or found.get("timeoutConfiguration"):
        given = found.get("timeoutConfiguration")
        limits = {"timeoutInMinutes": 1440, "action": "ROLLBACK"} | (given if isinstance(given, dict) else {})
        minutes = values.whole(f"{path}.timeoutConfiguration.timeoutInMinutes", limits["timeoutInMinutes"])
        found["timeoutConfiguration"] = {"action": limits["action"], "timeoutInMinutes": minutes}
    return dict(sorted(found.items()))


def _refuse_hook(hook: Answer) -> None:
    """Of a declared hook what ECS would refuse, or what would surprise in the middle of a deployment."""
    place, kind = f"{CONFIGURATION}.lifecycleHooks", hook["targetType"]
    if kind not in (PAUSE, LAMBDA):
        raise DeclarationError(f"{place}: targetType must be {PAUSE} or {LAMBDA}; it is {kind!r}.")
    stages = hook.get("lifecycleStages") or []
    wrong = [str(each) for each in stages if each not in HOOKED] if isinstance(stages, list) else [str(stages)]
    if wrong or not stages:
        raise DeclarationError(
            f"{place}: lifecycleStages must be a list of stages that have hooks ({', '.join(HOOKED)}); it has "
            f"{', '.join(wrong) or 'none'}."
        )
    lacks = [each for each in ("hookTargetArn", "roleArn") if not hook.get(each)]
    if kind == LAMBDA and lacks:
        raise DeclarationError(f"{place}: a hook of the type {LAMBDA} needs {' and '.join(lacks)}.")
    if kind == PAUSE and len(lacks) < 2:
        raise DeclarationError(
            f"{place}: a hook of the type {PAUSE} calls nothing: leave hookTargetArn and roleArn out."
        )
    limits = hook.get("timeoutConfiguration")
    if limits and (
        not 1 <= limits["timeoutInMinutes"] <= LONGEST_PAUSE or limits["action"] not in ("CONTINUE", "ROLLBACK")
    ):
        raise DeclarationError(
            f"{place}: timeoutConfiguration takes timeoutInMinutes 1 to {LONGEST_PAUSE}, action CONTINUE or ROLLBACK."
        )
