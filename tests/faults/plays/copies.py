"""A release that was made once, made again for other places by API calls: a rollback's beginning costs no play."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.faults.plays.place import Place

Answer = dict[str, Any]


@dataclass
class Copy:
    """What a proven release left behind."""

    documents: dict[str, bytes]
    names: list[str]
    """What AWS and the place are called in them."""
    definition: Answer
    grace: int
    attributes: dict[str, str]
    state: Answer

    @classmethod
    def of(cls, place: Place) -> Copy:
        """Taken when ECS is at rest."""
        service = place.service()
        definition = place.ecs.describe_task_definition(taskDefinition=service["taskDefinition"])["taskDefinition"]
        kept = ("networkMode", "requiresCompatibilities", "cpu", "memory", "executionRoleArn", "containerDefinitions")
        first = place.records()[0]["before"]["deployment"]
        return cls(
            documents=place.documents(),
            names=_names(place, first),
            definition={name: definition[name] for name in kept},
            grace=service["healthCheckGracePeriodSeconds"],
            attributes=place.attributes(),
            state=place.state(),
        )

    def make(self, place: Place) -> None:
        """The same in a place where nothing has been released. Raises AssertionError when it is not the same."""
        first = place.service()["deployments"][0]["id"]
        changed = [{"Key": key, "Value": value} for key, value in self.attributes.items() if value]
        place.elb.modify_target_group_attributes(TargetGroupArn=place.group, Attributes=changed)
        made = place.ecs.register_task_definition(family=place.name, **self.definition)["taskDefinition"]
        place.ecs.update_service(
            cluster=place.cluster, service=place.name, taskDefinition=made["taskDefinitionArn"],
            healthCheckGracePeriodSeconds=self.grace,
        )  # fmt: skip
        place.rest()
        for name, data in self.documents.items():
            for theirs, mine in zip(self.names, _names(place, first), strict=True):
                data = data.replace(theirs.encode(), mine.encode())
            place.write(name, data)
        assert place.state() == self.state


def _names(place: Place, first: str) -> list[str]:
    """Longer ones first: the place's own name is part of some."""
    rollouts = place.ecs.list_service_deployments(cluster=place.cluster, service=place.name)["serviceDeployments"]
    ours = [each["serviceDeploymentArn"] for each in sorted(rollouts, key=lambda each: each["createdAt"])]
    return [place.group, *ours, first, place.service()["deployments"][0]["id"], place.name]
