"""Deployments that shift traffic: BLUE_GREEN, LINEAR and CANARY as pure functions, and what of them is refused.

Sources: API reference, DeploymentConfiguration, DeploymentLifecycleHook and AdvancedConfiguration; "Amazon ECS
blue/green service deployments workflow",
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/blue-green-deployment-how-it-works.html; "Pause hooks for
Amazon ECS service deployments", .../pause-lifecycle-hooks.html
"""

from dataclasses import dataclass
from typing import Any

from ..wire import AwsError, Params

OWN = {  # members of a deployment configuration that only these strategies have
    "earlySuccessCriteria": ("ROLLING",),
    "bakeTimeInMinutes": ("BLUE_GREEN", "LINEAR", "CANARY"),
    "lifecycleHooks": ("BLUE_GREEN", "LINEAR", "CANARY"),
    "linearConfiguration": ("LINEAR",),
    "canaryConfiguration": ("CANARY",),
}
LONGEST = 1440  # minutes of any bake time
WAITING = "AWAITING_ACTION"  # status of a hook that pauses,
WORKING = "IN_PROGRESS"  # and of one whose function has not answered for good
ANSWERS = ("SUCCEEDED", "FAILED", WORKING)  # hookStatus that a function returns (guide, lifecycle-hooks)
PAUSED_FOR, PAUSES_END = 1440, "ROLLBACK"  # DeploymentLifecycleHookTimeoutConfiguration, defaults


@dataclass(frozen=True)
class Stage:
    name: str
    percent: float | None = None  # of the production traffic, from here on
    minutes: float = 0  # to wait once it is entered

    @property
    def shown(self) -> str:
        """`lifecycleStage`, whose enumeration has every stage but the one before a shift."""
        return self.name.removeprefix("PRE_") if self.name == "PRE_PRODUCTION_TRAFFIC_SHIFT" else self.name


def shifts(configuration: Params) -> bool:
    return bool(configuration.get("strategy", "ROLLING") != "ROLLING")


def stages(configuration: Params, first: bool, reconciles: bool) -> list[Stage]:
    """What a deployment goes through. `first`: there is no other version to bake beside; `reconciles`: the tasks of an
    unfinished deployment have to go before."""
    steps = [(100.0, 0.0)] if first else _steps(configuration)
    found = [Stage("RECONCILE_SERVICE")] if reconciles else []
    found += [Stage(name) for name in ("PRE_SCALE_UP", "SCALE_UP", "POST_SCALE_UP")]
    found += [Stage(name) for name in ("TEST_TRAFFIC_SHIFT", "POST_TEST_TRAFFIC_SHIFT")]
    for percent, minutes in steps:
        found.append(Stage("PRE_PRODUCTION_TRAFFIC_SHIFT"))
        found.append(Stage("PRODUCTION_TRAFFIC_SHIFT", percent, minutes))
    found.append(Stage("POST_PRODUCTION_TRAFFIC_SHIFT"))
    found.append(Stage("BAKE_TIME", minutes=0 if first else configuration.get("bakeTimeInMinutes", 0)))
    return [*found, Stage("CLEAN_UP")]


def _steps(configuration: Params) -> list[tuple[float, float]]:
    """(percent of the production traffic, minutes to wait after it); after 100 percent comes the bake time alone."""
    if configuration["strategy"] == "CANARY":
        given = configuration.get("canaryConfiguration", {})
        steps = [(given.get("canaryPercent", 5.0), given.get("canaryBakeTimeInMinutes", 10))]
    elif configuration["strategy"] == "LINEAR":
        given = configuration.get("linearConfiguration", {})
        size, minutes = given.get("stepPercent", 10.0), given.get("stepBakeTimeInMinutes", 6)
        steps = [(round(size * n, 1), minutes) for n in range(1, int(100 // size) + 1)]
    else:
        steps = []
    return [*(step for step in steps if step[0] < 100), (100.0, 0.0)]


def weights(percent: float) -> tuple[int, int]:
    """(new, old): whole numbers up to 999, as a forward action takes them."""
    factor = 1 if percent == int(percent) else 10
    return round(percent * factor), 100 * factor - round(percent * factor)


def invalid(message: str) -> AwsError:
    return AwsError("InvalidParameterException", message)


def kept(current: Params, wanted: Params) -> Params:
    """The members that stay: what belongs to another strategy goes with it."""
    strategy = wanted.get("strategy", current["strategy"])
    return {k: v for k, v in current.items() if strategy in OWN.get(k, (strategy,))}


def check(configuration: Params) -> None:
    """A whole deployment configuration."""
    strategy = configuration["strategy"]
    for name, strategies in OWN.items():
        if configuration.get(name) and strategy not in strategies:
            raise invalid(f"{name} can not be specified for the deployment strategy {strategy}.")
    if strategy == "BLUE_GREEN" and "bakeTimeInMinutes" not in configuration:
        raise invalid("bakeTimeInMinutes must be specified for the deployment strategy BLUE_GREEN.")
    _within("bakeTimeInMinutes", configuration.get("bakeTimeInMinutes", 0), 0, LONGEST)
    canary, linear = configuration.get("canaryConfiguration", {}), configuration.get("linearConfiguration", {})
    _within("canaryBakeTimeInMinutes", canary.get("canaryBakeTimeInMinutes", 10), 0, LONGEST)
    _within("stepBakeTimeInMinutes", linear.get("stepBakeTimeInMinutes", 6), 0, LONGEST)
    _percent("canaryPercent", canary.get("canaryPercent", 5.0), 0.1)
    _percent("stepPercent", linear.get("stepPercent", 10.0), 3.0)
    for hook in configuration.get("lifecycleHooks", []):
        _hook(hook)


def _within(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise invalid(f"{name} must be between {low} and {high}.")


def _percent(name: str, value: float, low: float) -> None:
    _within(name, value, low, 100.0)
    if abs(value * 10 - round(value * 10)) > 1e-6:
        raise invalid(f"{name} must be a multiple of 0.1.")


def _hook(hook: Params) -> None:
    calls = hook.get("targetType", "AWS_LAMBDA") == "AWS_LAMBDA"
    for name in ("hookTargetArn", "roleArn"):
        if calls and not hook.get(name):
            raise invalid(f"{name} must be specified for a lifecycle hook of the type AWS_LAMBDA.")
    if "hookTargetArn" in hook and not calls:
        raise invalid("hookTargetArn is not applicable to PAUSE hooks.")
    if not hook.get("lifecycleStages"):
        raise invalid("lifecycleStages must be specified for a lifecycle hook.")
    _within("timeoutInMinutes", hook.get("timeoutConfiguration", {}).get("timeoutInMinutes", PAUSED_FOR), 1, 20160)


def check_balancers(elbv2: Any, configuration: Params, balancers: list[Params]) -> None:
    """Each load balancer has a second group and a rule that may forward to both."""
    if shifts(configuration) and not balancers:
        raise AwsError("InvalidAction", "The test bed does not implement blue/green services without a load balancer")
    for balancer in balancers:
        advanced = balancer.get("advancedConfiguration")
        if advanced is None:
            if shifts(configuration):
                raise invalid(f"advancedConfiguration is required for the strategy {configuration['strategy']}.")
            continue
        for name in ("alternateTargetGroupArn", "productionListenerRule", "roleArn"):
            if not advanced.get(name):
                raise invalid(f"{name} must be specified in advancedConfiguration.")
        other = elbv2.groups.get(advanced["alternateTargetGroupArn"])
        if other is None or other.arn == balancer["targetGroupArn"] or other.settings["TargetType"] != "ip":
            raise invalid(f"The alternate target group {advanced['alternateTargetGroupArn']} can not be used.")
        for name in ("productionListenerRule", "testListenerRule"):
            if name in advanced:
                _rule(elbv2, advanced[name])


def _rule(elbv2: Any, arn: str) -> None:
    """Only forward actions ("Application Load Balancer resources for blue/green ... deployments")."""
    try:
        _listener, rule = elbv2.rule(arn)
    except AwsError:
        raise invalid(f"The listener rule {arn} does not exist.") from None
    if any(action["Type"] != "forward" for action in rule.actions):
        raise invalid(f"The listener rule {arn} has actions that do not forward.")


def resolved(balancers: list[Params], source: list[Params], configuration: Params) -> list[Params]:
    """The load balancers of a new service revision, with the group that its tasks are registered in: of a pair, the
    one that has not the production traffic; ECS alternates. `source`: those of the revision that has it."""
    found = []
    for balancer in balancers:
        advanced = balancer.get("advancedConfiguration", {})
        pair = [balancer.get("targetGroupArn"), advanced.get("alternateTargetGroupArn")]
        used = next((each["targetGroupArn"] for each in source if each["targetGroupArn"] in pair), None)
        if used is None and any("advancedConfiguration" in each for each in source):
            raise AwsError("InvalidAction", "The test bed does not move a blue/green service to other target groups")
        group = used or pair[0]
        if used and shifts(configuration):
            group = pair[1] if used == pair[0] else pair[0]
        found.append({**balancer, "targetGroupArn": group, "pair": pair})
    return found
