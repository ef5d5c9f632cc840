"""Deployments that shift traffic, as an operator makes them, with users at work: none of them fails."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import GROUP, Checkout, until
from tests.e2e.test_release import crashing, declare
from tests.e2e.test_users import Users
from tests.e2e.test_way_back import NOBODY_ANSWERS

pytestmark = pytest.mark.walk

SERVICE = "pardon-production-service"
STICKY = {"stickiness.enabled": "true", "stickiness.lb_cookie.duration_seconds": "86400"}


class Shifting:
    """The production service with a second target group, a rule that may shift, and a role of ECS."""

    def __init__(self, checkout: Checkout) -> None:
        self.checkout, self.elb = checkout, checkout.client("elbv2")
        (first,) = self.elb.describe_target_groups(Names=[GROUP])["TargetGroups"]
        alike = {name: first[name] for name in first if name.startswith(("Health", "Unhealthy"))}
        alike = {name: value for name, value in alike.items() if name not in ("HealthCheckEnabled", "HealthCheckPort")}
        made = self.elb.create_target_group(
            Name="pardon-production-green-tg",
            TargetType="ip",
            VpcId=first["VpcId"],
            Protocol="HTTP",
            Port=5555,
            **alike,
        )
        self.groups = [first["TargetGroupArn"], made["TargetGroups"][0]["TargetGroupArn"]]
        wanted = {**checkout.attributes(), **STICKY}
        pairs = [{"Key": name, "Value": value} for name, value in wanted.items()]
        self.elb.modify_target_group_attributes(TargetGroupArn=self.groups[1], Attributes=pairs)
        (listener,) = self.elb.describe_listeners(LoadBalancerArn=first["LoadBalancerArns"][0])["Listeners"]
        forward = {
            "TargetGroups": [
                {"TargetGroupArn": arn, "Weight": weight} for arn, weight in zip(self.groups, (1, 0), strict=True)
            ],
            # Less than the pause between two visits of a user, or they would stay with tasks that end.
            "TargetGroupStickinessConfig": {"Enabled": True, "DurationSeconds": 1},
        }
        actions = [{"Type": "forward", "ForwardConfig": forward}]
        self.elb.modify_listener(ListenerArn=listener["ListenerArn"], DefaultActions=actions)
        rules = self.elb.describe_rules(ListenerArn=listener["ListenerArn"])["Rules"]
        self.rule = next(each["RuleArn"] for each in rules if each["IsDefault"])
        trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ecs.amazonaws.com"}}
        role = checkout.client("iam").create_role(
            RoleName="balancers", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        )["Role"]["Arn"]
        names = {"alternateTargetGroupArn": self.groups[1], "productionListenerRule": self.rule, "roleArn": role}
        served = {"targetGroupArn": self.groups[0], "containerName": "coral", "containerPort": 5555}
        self.entry = {**served, "advancedConfiguration": names}

    def declare(self, **configuration: Any) -> None:
        """Have the inventory say that deployments shift traffic like this."""
        wanted = {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 1, **configuration}
        settings = {"deploymentConfiguration": wanted, "loadBalancers": [self.entry]}
        declare(self.checkout, rollout_settings=settings)

    def weights(self) -> list[int]:
        (found,) = self.elb.describe_rules(RuleArns=[self.rule])["Rules"]
        named = {g["TargetGroupArn"]: g["Weight"] for g in found["Actions"][0]["ForwardConfig"]["TargetGroups"]}
        return [named.get(each, 0) for each in self.groups]

    def play(self, verb: str, status: int, *options: str) -> str:
        done = self.checkout.run("./steady", "play", f"{verb}.yml", *options, timeout=600)
        assert done.status == status, done.text
        return done.text


@pytest.fixture
def shifting(production: Checkout) -> Shifting:
    return Shifting(production)


def unharmed(count: dict[str, Any]) -> bool:
    """Whether no request failed and no message was lost; that users change tasks is what a shift means."""
    return count["requests"] > 0 and not (count["failed"] or count["lost_messages"])


def test_users_notice_neither_a_blue_green_release_nor_its_way_back(shifting: Shifting, tmp_path: Path) -> None:
    shifting.declare()
    users = Users(shifting.checkout, tmp_path, seconds="10", users=40)
    said = shifting.play("deploy", 0)
    assert shifting.weights() == [0, 100]
    assert "stage BAKE_TIME, 100 % of the production traffic on it" in said
    assert "outcome: proven" in said
    assert shifting.checkout.revision() == "pardon-simulator:75"
    assert "outcome: unchanged" in shifting.play("deploy", 0)
    shifting.play("rollback", 0)
    count = users.end()
    assert unharmed(count), count
    assert shifting.checkout.revision() == "pardon-simulator:74"
    live = shifting.checkout.service()
    assert live["deploymentConfiguration"]["strategy"] == "ROLLING", "the settings are put back too"
    (entry,) = live["loadBalancers"]
    assert (entry["targetGroupArn"], "advancedConfiguration" in entry) == (shifting.groups[1], False)


def test_a_canary_waits_for_a_person_and_goes_on(shifting: Shifting, tmp_path: Path) -> None:
    hooks = [{"targetType": "PAUSE", "lifecycleStages": ["PRODUCTION_TRAFFIC_SHIFT"]}]
    canary = {"canaryPercent": 10, "canaryBakeTimeInMinutes": 0}
    shifting.declare(strategy="CANARY", canaryConfiguration=canary, lifecycleHooks=hooks)
    users = Users(shifting.checkout, tmp_path, seconds="10", users=40)
    said = shifting.play("deploy", 7)
    assert "outcome: interrupted" in said
    assert "continue.yml" in said and "PRODUCTION_TRAFFIC_SHIFT" in said
    assert shifting.weights() == [90, 10]
    assert "PRODUCTION_TRAFFIC_SHIFT" in shifting.play("continue", 7), "the second step has a pause too"
    assert shifting.weights() == [0, 100]
    assert "outcome: proven" in shifting.play("continue", 0)
    assert "outcome: proven" in shifting.play("deploy", 0), "the release is verified and closed"
    count = users.end()
    assert unharmed(count), count
    last = shifting.checkout.records()[-1]
    assert [each["state"] for each in shifting.checkout.records() if each["kind"] == "deploy"] == ["succeeded"], last
    assert shifting.checkout.revision() == "pardon-simulator:75"


def test_a_green_version_that_fails_goes_back_with_its_cause_and_no_user_meets_it(
    shifting: Shifting, tmp_path: Path
) -> None:
    shifting.declare()
    crashing(shifting.checkout)
    users = Users(shifting.checkout, tmp_path, seconds="10", users=40)
    said = shifting.play("deploy", 3)
    count = users.end()
    assert unharmed(count), count
    last = said.rstrip().splitlines()[-1]
    assert "outcome: failed_rolled_back" in last
    assert "exit code 3" in last or "code 3" in last
    assert "StopServiceDeployment" in [each.partition(":")[2] for each in shifting.checkout.writes()]
    assert shifting.weights() == [100, 0]
    live = shifting.checkout.service()
    assert shifting.checkout.revision() == "pardon-simulator:74"
    assert live["deploymentConfiguration"]["strategy"] == "ROLLING"
    (entry,) = live["loadBalancers"]
    assert entry["targetGroupArn"] == shifting.groups[0]


def test_a_pause_that_nobody_answers_is_told_as_a_rollback_by_the_next_run(checkout: Checkout) -> None:
    """The hook's time is over while no run looks: the same command says what became of its release."""
    checkout.prepare("--engine", "none")
    shifting = Shifting(checkout)
    limits = {"timeoutInMinutes": 1, "action": "ROLLBACK"}
    hook = {"targetType": "PAUSE", "lifecycleStages": ["POST_PRODUCTION_TRAFFIC_SHIFT"], "timeoutConfiguration": limits}
    shifting.declare(lifecycleHooks=[hook])
    options = ("-e", NOBODY_ANSWERS)
    assert "is paused at stage POST_PRODUCTION_TRAFFIC_SHIFT" in shifting.play("deploy", 7, *options)
    until(lambda: shifting.weights() == [100, 0] and len(checkout.service()["deployments"]) == 1)
    said = shifting.play("deploy", 3, *options)
    assert "outcome: failed_rolled_back" in said
    assert checkout.revision() == "pardon-simulator:74"
    assert checkout.service()["deploymentConfiguration"]["strategy"] == "ROLLING"
    assert [each["state"] for each in checkout.records() if each["kind"] == "deploy"] == ["rolled_back"]


def test_the_wait_ends_at_the_stage_that_is_asked_for(checkout: Checkout) -> None:
    checkout.prepare("--engine", "none")
    shifting = Shifting(checkout)
    shifting.declare()
    options = ("-e", NOBODY_ANSWERS, "-e", "rollout_stable_seconds=1")
    said = shifting.play("deploy", 7, *options, "-e", "rollout_wait_until=BAKE_TIME")
    assert "it has come to stage BAKE_TIME" in said
    assert shifting.weights() == [0, 100]
    assert "outcome: proven" in shifting.play("deploy", 0, *options)
    assert [each["state"] for each in checkout.records() if each["kind"] == "deploy"] == ["succeeded"]
