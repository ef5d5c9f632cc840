"""A service whose deployments are looked at."""

from typing import Any

from tests.conformance.place import CHECKS, Place, until

BREAKER = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}


class Deployed:
    """A service of three tasks behind a load balancer, with the circuit breaker on."""

    def __init__(self, place: Place) -> None:
        self.place, self.ecs = place, place.ecs
        self.group = place.group(**CHECKS)
        place.modify(self.group, deregistration_delay__timeout_seconds="20")
        place.listener(place.balancer(), {"Type": "forward", "TargetGroupArn": self.group})
        self.name = place.service(self.group, 3)
        self.update(deploymentConfiguration=BREAKER)
        self.first = self.completed(self.service()["taskDefinition"])["taskDefinition"]

    def update(self, **change: Any) -> dict[str, Any]:
        return dict(self.ecs.update_service(cluster=self.name, service=self.name, **change)["service"])

    def service(self) -> dict[str, Any]:
        return dict(self.ecs.describe_services(cluster=self.name, services=[self.name])["services"][0])

    def completed(self, definition: str) -> dict[str, Any]:
        def done() -> dict[str, Any] | None:
            found = self.service()
            only = found["deployments"][0]
            one = len(found["deployments"]) == 1 and only["rolloutState"] == "COMPLETED"
            return found if one and only["taskDefinition"] == definition else None

        return dict(until(done, self.place.patience))

    def newest(self) -> dict[str, Any]:
        """The newest service deployment."""
        listed = self.ecs.list_service_deployments(cluster=self.name, service=self.name)["serviceDeployments"]
        arn = listed[0]["serviceDeploymentArn"]
        described = self.ecs.describe_service_deployments(serviceDeploymentArns=[arn])["serviceDeployments"]
        return dict(described[0])

    def stopped(self, definition: str) -> list[dict[str, Any]]:
        arns = self.ecs.list_tasks(cluster=self.name, desiredStatus="STOPPED")["taskArns"]
        tasks = self.ecs.describe_tasks(cluster=self.name, tasks=arns)["tasks"] if arns else []
        return [t for t in tasks if t["taskDefinitionArn"] == definition and t["lastStatus"] == "STOPPED"]
