"""A CloudFormation stack that has made a target group, and its change sets in each state."""

import json
from collections.abc import Callable
from typing import Any

from tests.conformance.conftest import target
from tests.conformance.place import Place, during, until
from tests.testbed.beds import Bed

GROUP = "AWS::ElasticLoadBalancingV2::TargetGroup"
DURATION, DELAY = "stickiness.lb_cookie.duration_seconds", "deregistration_delay.timeout_seconds"


class Stack:
    """A stack with one group. On AWS it makes it; the bed is told that it has."""

    def __init__(self, place: Place, **declared: Any) -> None:
        self.place, self.name, self.number, self.api = place, place.name(), 0, place.stacks
        if place.endpoint and target() == "bed":
            self.group = place.group()
            stack = {"template": self.template(), "parameters": {"Seconds": "60"}, "groups": {"Web": self.group}}
            status, said = Bed(place.endpoint).admin("PUT", "/_bed/stacks", {self.name: {**stack, **declared}})
            assert status == 200, said
            return
        assert not declared, "only a bed is told what a stack has been through"
        values = [{"ParameterKey": "Seconds", "ParameterValue": "60"}]
        self.api.create_stack(StackName=self.name, TemplateBody=json.dumps(self.template()), Parameters=values)
        place.remove_stack(self.name)
        self.api.get_waiter("stack_create_complete").wait(StackName=self.name)
        resources = self.api.describe_stack_resources(StackName=self.name)["StackResources"]
        self.group = next(each["PhysicalResourceId"] for each in resources if each["LogicalResourceId"] == "Web")

    def template(self, **properties: Any) -> dict[str, Any]:
        attributes = [{"Key": DURATION, "Value": {"Ref": "Seconds"}}, {"Key": DELAY, "Value": 30}]
        body = {"VpcId": self.place.vpc, "Port": 80, "Protocol": "HTTP", "TargetGroupAttributes": attributes}
        web = {"Type": GROUP, "Properties": {**body, **properties}}
        return {"Parameters": {"Seconds": {"Type": "Number", "Default": 86400}}, "Resources": {"Web": web}}

    def create(self, seconds: str | None = None, **more: Any) -> str:
        """A change set by its name."""
        self.number += 1
        name = more.pop("ChangeSetName", f"change-{self.number}")
        said = {"UsePreviousValue": True} if seconds is None else {"ParameterValue": seconds}
        body = {"UsePreviousTemplate": True} if "TemplateBody" not in more else {}
        parameters = [{"ParameterKey": "Seconds", **said}]
        asked = {"StackName": self.name, "ChangeSetName": name, "Parameters": parameters, **body, **more}
        self.api.create_change_set(**asked)
        return str(name)

    def described(self, name: str) -> dict[str, Any]:
        """The change set once it is made, or has failed."""

        def made() -> dict[str, Any] | None:
            found = dict(self.api.describe_change_set(StackName=self.name, ChangeSetName=name))
            return found if found["Status"] in ("CREATE_COMPLETE", "FAILED") else None

        return dict(until(made, self.place.patience))

    def stack(self) -> dict[str, Any]:
        return dict(self.api.describe_stacks(StackName=self.name)["Stacks"][0])

    def states(self, name: str) -> list[str]:
        """The statuses that the stack has while a change set is executed, as far as one sees them."""
        self.api.execute_change_set(StackName=self.name, ChangeSetName=name)
        seen = [str(self.stack()["StackStatus"])]

        def at_rest() -> bool:
            if (status := str(self.stack()["StackStatus"])) != seen[-1]:
                seen.append(status)
            return not status.endswith("_PROGRESS")

        until(at_rest, self.place.patience, every=0.02)
        return seen

    def attributes(self) -> dict[str, str]:
        found = self.place.elb.describe_target_group_attributes(TargetGroupArn=self.group)["Attributes"]
        return {each["Key"]: each["Value"] for each in found}

    # -- change sets in a state --------------------------------------------------------------------------------------

    def change_set_in(self, state: str, call: Callable[[str, str], Any]) -> Any:
        """`call` gets a stack's name and a change set's."""

        def named(name: str) -> Any:
            return call(self.name, name)

        if state == "CREATE_IN_PROGRESS":
            return during(self._creating, named, self._is_being_made, self.place.patience)
        if state == "being executed":
            return during(self._executing, named, lambda _name: self._changes(), self.place.patience)
        if state == "missing":
            return named("gone")
        if state == "of a missing stack":
            return call(f"{self.name}-gone", "gone")
        return named({"FAILED": self._unchanged, "executed": self._executed}[state]())

    def while_updating(self, call: Callable[[str], Any]) -> Any:
        """`call` gets the stack's name."""
        return self.change_set_in("being executed", lambda name, _change_set: call(name))

    def _changes(self) -> bool:
        return str(self.stack()["StackStatus"]).endswith("_PROGRESS")

    def _creating(self) -> str:
        """A change set that changes something, of a stack at rest."""
        until(lambda: not self._changes(), self.place.patience)
        return self.create(str(1000 + self.number))

    def _is_being_made(self, name: str) -> bool:
        found = self.api.describe_change_set(StackName=self.name, ChangeSetName=name)
        return str(found["Status"]) == "CREATE_IN_PROGRESS"

    def _executing(self) -> str:
        name = self._creating()
        self.described(name)
        self.api.execute_change_set(StackName=self.name, ChangeSetName=name)
        return name

    def _executed(self) -> str:
        name = self._executing()
        until(lambda: not self._changes(), self.place.patience)
        return name

    def _unchanged(self) -> str:
        until(lambda: not self._changes(), self.place.patience)
        name = self.create()
        assert self.described(name)["Status"] == "FAILED"
        return name
