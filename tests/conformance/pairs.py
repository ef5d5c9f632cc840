"""A service whose deployments shift traffic between two target groups."""

from collections.abc import Callable
from typing import Any

from tests.conformance.place import CHECKS, Json, Place, register, until

BLUE_GREEN = {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 1}
PORTS = (8080, 8081)
"""Of production and of test traffic."""


def hook(*stages: str, **limits: Any) -> Json:
    more = {"timeoutConfiguration": limits} if limits else {}
    return {"targetType": "PAUSE", "lifecycleStages": list(stages), **more}


class Pair:
    """A service of two tasks, two target groups, and a rule that sends production traffic to one of them."""

    def __init__(self, place: Place) -> None:
        self.place, self.ecs = place, place.ecs
        self.groups = [place.group(**CHECKS) for _ in range(2)]
        for group in self.groups:
            place.modify(group, deregistration_delay__timeout_seconds="20")
        balancer = place.balancer()
        self.rules = []
        for port in PORTS:
            listener = place.listener(balancer, {"Type": "forward", "TargetGroupArn": self.groups[0]}, port)
            self.rules.append(place.elb.describe_rules(ListenerArn=listener)["Rules"][0]["RuleArn"])
        self.advanced = {
            "alternateTargetGroupArn": self.groups[1],
            "productionListenerRule": self.rules[0],
            "testListenerRule": self.rules[1],
            "roleArn": place.balancer_role,
        }
        self.name = place.service(self.groups[0], 2, self.advanced, deploymentConfiguration=BLUE_GREEN)
        until(lambda: self.newest()["status"] == "SUCCESSFUL", place.patience)

    def update(self, **change: Any) -> None:
        self.ecs.update_service(cluster=self.name, service=self.name, **change)

    def begin(self, **configuration: Any) -> str:
        """Deploy a new revision this way; its service deployment."""
        before = self.newest()["serviceDeploymentArn"]
        wanted = {**BLUE_GREEN, "lifecycleHooks": [], **configuration}
        self.update(taskDefinition=register(self.place, self.name), deploymentConfiguration=wanted)
        return str(until(lambda: (n := self.newest()["serviceDeploymentArn"]) != before and n, self.place.patience))

    def newest(self) -> Json:
        return self.described(self.listed()[0]["serviceDeploymentArn"])

    def listed(self, **only: Any) -> list[Json]:
        found = self.ecs.list_service_deployments(cluster=self.name, service=self.name, **only)
        return list(found["serviceDeployments"])

    def described(self, arn: str) -> Json:
        return dict(self.ecs.describe_service_deployments(serviceDeploymentArns=[arn])["serviceDeployments"][0])

    def production(self) -> list[int]:
        """The percent of the production traffic that each group gets, by the rule."""
        return self.weights(self.rules[0])

    def weights(self, rule: str) -> list[int]:
        (found,) = self.place.elb.describe_rules(RuleArns=[rule])["Rules"]
        weights = {g["TargetGroupArn"]: g["Weight"] for g in found["Actions"][0]["ForwardConfig"]["TargetGroups"]}
        return [round(100 * weights.get(each, 0) / sum(weights.values())) for each in self.groups]

    def side(self) -> int:
        """Which group has the production traffic."""
        return self.production().index(100)

    def seen(self, arn: str, look: Callable[[], Any] = lambda: None) -> list[Any]:
        """(stage, what `look` answers) of a deployment until its end, each once, in their order."""
        found: list[Any] = []

        def over() -> bool:
            now = self.described(arn)
            each = (now["lifecycleStage"], look())
            if each not in found:
                found.append(each)
            return now["status"] not in ("PENDING", "IN_PROGRESS")

        until(over, self.place.patience * 2)
        return found

    def waiting(self, arn: str) -> Json:
        """The hook that waits for an answer."""

        def hooks() -> list[Json]:
            return [h for h in self.described(arn).get("lifecycleHookDetails", []) if h["status"] == "AWAITING_ACTION"]

        return dict(until(hooks, self.place.patience)[0])

    def ended(self, arn: str) -> str:
        until(lambda: self.described(arn)["status"] in ("SUCCESSFUL", "ROLLBACK_SUCCESSFUL"), self.place.patience * 2)
        return str(self.described(arn)["status"])
