# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A service of the bed with two target groups, between which ECS shifts the traffic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.testbed.beds import PORT

if TYPE_CHECKING:
    from tests.cases.conftest import Place

Answer = dict[str, Any]
ROLE = "arn:aws:iam::000000000000:role/balancers"
BLUE_GREEN = {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 1}


class Pair:
    """The second group, the rule, and what of the traffic each group has."""

    def __init__(self, place: Place) -> None:
        self.place, self.elb = place, place.elb
        self.groups = [place.group, place.make_group(f"{place.name}-2")]
        balancer = place.balancer["LoadBalancerArn"]
        (listener,) = self.elb.describe_listeners(LoadBalancerArn=balancer)["Listeners"]
        self.rule = self.elb.describe_rules(ListenerArn=listener["ListenerArn"])["Rules"][0]["RuleArn"]
        place.bed.make_roles("balancers", trusting="ecs.amazonaws.com")

    def entry(self, **more: str) -> Answer:
        """The service's load-balancer entry."""
        advanced = {"alternateTargetGroupArn": self.groups[1], "productionListenerRule": self.rule, "roleArn": ROLE}
        names = {"targetGroupArn": self.groups[0], "containerName": "app", "containerPort": PORT}
        return {**names, "advancedConfiguration": {**advanced, **more}}

    def at_rest(self, **configuration: Any) -> str:
        """The service runs its first revision, deployed by BLUE_GREEN; afterwards it is configured like this."""
        first = self.place.at_rest(loadBalancers=[self.entry()], deploymentConfiguration=BLUE_GREEN)
        self.place.update(deploymentConfiguration={**BLUE_GREEN, **configuration})
        self.place.forget()
        return first

    def weights(self) -> list[int]:
        """The weights of both groups in the production rule."""
        (found,) = self.elb.describe_rules(RuleArns=[self.rule])["Rules"]
        named = {g["TargetGroupArn"]: g["Weight"] for g in found["Actions"][0]["ForwardConfig"]["TargetGroups"]}
        return [named.get(each, 0) for each in self.groups]


SMOKE = "arn:aws:lambda:us-east-1:000000000000:function:smoke"


def function(stage: str, **limits: Any) -> Answer:
    """A lifecycle hook that asks a Lambda function at a stage."""
    called = {"hookTargetArn": SMOKE, "roleArn": "arn:aws:iam::000000000000:role/hooks"}
    return {**called, "lifecycleStages": [stage], **({"timeoutConfiguration": limits} if limits else {})}


def pause(*stages: str, **limits: Any) -> Answer:
    """A hook that waits for a person."""
    more = {"timeoutConfiguration": limits} if limits else {}
    return {"targetType": "PAUSE", "lifecycleStages": list(stages), **more}
