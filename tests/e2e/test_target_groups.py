"""A service with two target groups, from real runs: planned, set, verified, recorded and put back as one release."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.plays.place import CLUSTER, KEY, RELEASE, Place
from tests.faults.plays.player import Ended, Player
from tests.testbed.beds import BREAKER, NETWORK, Bed, running, until

pytestmark = pytest.mark.walk

DURATION = "stickiness.lb_cookie.duration_seconds"
DELAY = "deregistration_delay.timeout_seconds"
MODIFY = "ModifyTargetGroupAttributes"
ATTRIBUTES = {"web": {"stickiness.enabled": True, DURATION: 7200}, "admin": {DELAY: 5}}


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    with running(tmp_path_factory.mktemp("bed") / "state", "--scale", "0.02", "--engine", "none") as found:
        yield found


@pytest.fixture(scope="module")
def player(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Player]:
    with Player(tmp_path_factory.mktemp("player")) as found:
        yield found


class Pair(Place):
    """A service that registers its tasks in two groups, which the load balancer serves on two ports."""

    def __init__(self, bed: Bed, folder: Path, player: Player) -> None:
        self.player = player
        super().__init__(bed, folder)

    def _create(self, count: int) -> None:
        made = self.elb.create_target_group(
            Name=f"{self.name}-admin", Protocol="HTTP", Port=80, VpcId="vpc-1", TargetType="ip", HealthCheckPath="/",
            HealthCheckIntervalSeconds=5, HealthCheckTimeoutSeconds=2, HealthyThresholdCount=2,
        )  # fmt: skip
        self.admin = str(made["TargetGroups"][0]["TargetGroupArn"])
        forward = [{"Type": "forward", "TargetGroupArn": self.admin}]
        self.elb.create_listener(LoadBalancerArn=self.balancer, Protocol="HTTP", Port=8081, DefaultActions=forward)
        both = (self.group, self.admin)
        self.ecs.create_service(
            cluster=CLUSTER, serviceName=self.name, taskDefinition=self.definition, desiredCount=count,
            launchType="FARGATE", networkConfiguration=NETWORK, deploymentConfiguration=BREAKER,
            healthCheckGracePeriodSeconds=60,
            loadBalancers=[{"targetGroupArn": arn, "containerName": "app", "containerPort": 80} for arn in both],
        )  # fmt: skip

    @property
    def declared_of(self) -> dict[str, Any]:
        """The variables: a release, and attributes of each group under its name."""
        of = {self.name: ATTRIBUTES["web"], f"{self.name}-admin": ATTRIBUTES["admin"]}
        rest = {name: value for name, value in RELEASE.items() if name != "target_group_attributes"}
        return {**rest, "target_group_attributes_of": of, "health_wait_timeout": 60, "rollout_wait_timeout": 600}

    def play(self, playbook: str, *options: str, **declared: Any) -> Ended:
        """Run a playbook to its end, and forget what was called before."""
        self.bed.admin("DELETE", "/_bed/calls")
        inventory = self.inventory(**{**self.declared_of, **declared})
        return self.player.run("-i", inventory, f"playbooks/{playbook}.yml", *options)

    def calls(self, operation: str) -> list[dict[str, Any]]:
        """Parameters of the calls of one operation since the last play began."""
        log = self.bed.admin("GET", "/_bed/calls")[1]["log"]
        return [each.get("parameters", {}) for each in log if each["operation"] == operation]

    def values(self) -> tuple[str, str, str]:
        """What the declaration is about: both attributes of the first group, and that of the second."""
        found = self.elb.describe_target_group_attributes(TargetGroupArn=self.admin)["Attributes"]
        admin = {each["Key"]: each["Value"] for each in found}
        return self.attributes()["stickiness.enabled"], self.attributes()[DURATION], admin[DELAY]


BEFORE, AFTER = ("false", "86400", "300"), ("true", "7200", "5")


@pytest.fixture
def pair(bed: Bed, player: Player, tmp_path: Path) -> Iterator[Pair]:
    found = Pair(bed, tmp_path, player)
    yield found
    found.remove()


def test_c55_both_groups_are_one_release_and_go_back_as_one(pair: Pair) -> None:
    entries = pair.service()["loadBalancers"]
    planned = pair.play("deploy", "--check", "--diff")
    for name in (pair.name, f"{pair.name}-admin"):
        assert f"elasticloadbalancing:{MODIFY} (target group {name}: " in planned.text, planned.text
    assert pair.calls(MODIFY) == []
    done = pair.play("deploy")
    assert done.outcome == "proven", done.text
    assert [each["TargetGroupArn"] for each in pair.calls(MODIFY)] == sorted([pair.group, pair.admin])
    assert pair.values() == AFTER
    release = pair.records()[-1]
    assert release["intent"]["attributes"] == {
        pair.group: {"stickiness.enabled": "true", DURATION: "7200"},
        pair.admin: {DELAY: "5"},
    }
    assert pair.service()["loadBalancers"] == entries
    judged = {each["name"] for each in release["verdict"]["checks"]}
    for name in (pair.name, f"{pair.name}-admin"):
        assert {f"attributes of {name}", f"targets in {name}"} <= judged
    again = pair.play("deploy")
    assert (again.outcome, pair.calls(MODIFY)) == ("unchanged", []), again.text
    back = pair.play("rollback")
    assert back.outcome == "proven", back.text
    assert pair.values() == BEFORE


def test_a_deployment_that_fails_leaves_neither_group_changed(pair: Pair) -> None:
    pair.ill()
    done = pair.play("deploy")
    assert done.outcome == "failed_rolled_back", done.text
    assert len(pair.calls(MODIFY)) == 4
    assert pair.values() == BEFORE


def test_drift_names_the_group(pair: Pair, tmp_path: Path) -> None:
    assert pair.play("deploy").outcome == "proven"
    pair.elb.modify_target_group_attributes(TargetGroupArn=pair.admin, Attributes=[{"Key": DELAY, "Value": "9"}])
    report = tmp_path / "drift.json"
    found = pair.play("drift", "-e", f"drift_file={report}")
    assert found.outcome == "drifted", found.text
    (host,) = json.loads(report.read_text(encoding="utf-8"))["hosts"].values()
    assert [(each["resource"], each["path"], each["expected"], each["actual"]) for each in host["differences"]] == [
        (f"target group {pair.name}-admin", DELAY, "5", "9")
    ]
    assert pair.play("verify").outcome not in ("proven", "unchanged")


def test_a_group_that_the_service_does_not_have_is_refused_before_any_write(pair: Pair) -> None:
    wrong = {pair.name: ATTRIBUTES["web"], f"{pair.name}-amdin": ATTRIBUTES["admin"]}
    done = pair.play("deploy", target_group_attributes_of=wrong)
    assert done.outcome == "error", done.text
    assert f"{pair.name}-amdin" in done.text and f"{pair.name}-admin" in done.text
    assert (pair.calls(MODIFY), pair.calls("UpdateService"), pair.records()) == ([], [], [])


def refused(pair: Pair, *words: str, **declared: Any) -> None:
    """A deployment is refused with these words, and nothing was written."""
    done = pair.play("deploy", **declared)
    assert done.outcome == "error", done.text
    assert [each for each in words if each not in done.text] == [], done.text
    assert (pair.calls(MODIFY), pair.calls("UpdateService"), pair.calls("RegisterTaskDefinition")) == ([], [], [])


def write(pair: Pair) -> None:
    """The owner of the groups writes what is declared."""
    for arn, wanted in ((pair.group, {"stickiness.enabled": "true", DURATION: "7200"}), (pair.admin, {DELAY: "5"})):
        pairs = [{"Key": key, "Value": value} for key, value in wanted.items()]
        pair.elb.modify_target_group_attributes(TargetGroupArn=arn, Attributes=pairs)


def test_what_terraform_owns_is_shown_refused_verified_and_never_written(pair: Pair) -> None:
    lines = ("stickiness {", "  cookie_duration = 7200", "deregistration_delay = 5")
    planned = pair.play("deploy", "--check", "--diff", target_group_owner="terraform")
    assert planned.status == 0, planned.text
    assert [each for each in lines if each not in planned.text] == [], planned.text
    assert f"elasticloadbalancing:{MODIFY}" not in planned.text
    refused(pair, "Terraform", "cookie_duration = 7200", "deregistration_delay = 5", target_group_owner="terraform")
    write(pair)
    done = pair.play("deploy", target_group_owner="terraform")
    assert (done.outcome, pair.calls(MODIFY)) == ("proven", []), done.text
    record = pair.records()[-1]
    assert record["intent"]["attributes"] == {}
    assert f"attributes of {pair.name}-admin" in {each["name"] for each in record["verdict"]["checks"]}
    back = pair.play("rollback", target_group_owner="terraform")
    assert (back.outcome, pair.calls(MODIFY), pair.values()) == ("proven", [], AFTER), back.text


def test_a_group_of_a_stack_is_written_only_when_that_is_declared(pair: Pair) -> None:
    tags = {"aws:cloudformation:stack-name": "edge", "aws:cloudformation:logical-id": "WebGroup"}
    pair.bed.admin("PUT", "/_bed/tags", {pair.group: tags})
    refused(pair, "stack edge, resource WebGroup", "target_group_owner: stack", f'Key: {DURATION}, Value: "7200"')
    refused(pair, "in the template of stack edge", target_group_owner="stack")
    done = pair.play("deploy", target_group_owner="steady")
    assert (done.outcome, pair.values()) == ("proven", AFTER), done.text


def test_of_two_services_on_one_group_one_sets_the_attributes(pair: Pair) -> None:
    pair.ecs.create_service(
        cluster=CLUSTER, serviceName=f"{pair.name}-2", taskDefinition=pair.definition, desiredCount=1,
        launchType="FARGATE", networkConfiguration=NETWORK,
        loadBalancers=[{"targetGroupArn": pair.admin, "containerName": "app", "containerPort": 80}],
    )  # fmt: skip
    until(lambda: len(healthy(pair)) == 2)
    try:
        refused(pair, f"targets of {pair.name}-admin", "target_group_owner: steady", "target_group_owner: other")
        done = pair.play("deploy", target_group_owner="steady")
        assert (done.outcome, pair.values()) == ("proven", AFTER), done.text
    finally:
        pair.ecs.delete_service(cluster=CLUSTER, service=f"{pair.name}-2", force=True)


def healthy(pair: Pair) -> list[str]:
    """Addresses of the healthy targets of the second group."""
    found = pair.elb.describe_target_health(TargetGroupArn=pair.admin)["TargetHealthDescriptions"]
    return [each["Target"]["Id"] for each in found if each["TargetHealth"]["State"] == "healthy"]


TEMPLATE = """
Resources:
  Web:
    Type: AWS::ElasticLoadBalancingV2::TargetGroup
    Properties:
      Name: {name}
      VpcId: !Ref Network
      TargetGroupAttributes:
        - {{Key: stickiness.enabled, Value: true}}
        - {{Key: stickiness.lb_cookie.duration_seconds, Value: {seconds}}}
  Admin:
    Type: AWS::ElasticLoadBalancingV2::TargetGroup
    Properties: {{TargetGroupAttributes: [{{Key: deregistration_delay.timeout_seconds, Value: !Ref Delay}}]}}
"""


def test_c63_what_the_next_update_of_the_stack_would_undo_is_drift(pair: Pair, tmp_path: Path) -> None:
    path, report = tmp_path / "edge.yml", tmp_path / "drift.json"
    path.write_text(TEMPLATE.format(name=pair.name, seconds=3600), encoding="utf-8")
    assert pair.play("deploy").outcome == "proven"
    assert pair.play("drift").outcome == "unchanged"
    beside = {"target_group_template": str(path), "drift_file": str(report)}
    found = pair.play("drift", **beside)
    assert found.outcome == "drifted", found.text
    (host,) = json.loads(report.read_text(encoding="utf-8"))["hosts"].values()
    assert [(each["path"], each["declared"], each["live"], each["file"]) for each in host["columns"]] == [
        (DELAY, "5", "5", "!Ref Delay"),
        ("stickiness.enabled", "true", "true", "true"),
        (DURATION, "7200", "7200", "3600"),
    ]
    assert f'{{Key: {DURATION}, Value: "7200"}}' in found.text
    path.write_text(TEMPLATE.format(name=pair.name, seconds=7200), encoding="utf-8")
    assert pair.play("drift", **beside).outcome == "unchanged"
    assert pair.calls(MODIFY) == []


def stacked(pair: Pair, template: str | None = None, **more: Any) -> None:
    """From now on a stack has made both groups: a parameter has the duration, the template itself the delay."""
    groups, text = {"Web": pair.group, "Admin": pair.admin}, template or OWNED
    stack = {"template": text, "parameters": {"Seconds": "3600", "Zone": "a"}, "groups": groups, **more}
    status, said = pair.bed.admin("PUT", "/_bed/stacks", {pair.name: stack})
    assert status == 200, said


OWNED = """
Parameters:
  Seconds: {Type: Number, Default: 60}
  Zone: {Type: String, Default: b}
Resources:
  Web: # what users meet
    Type: AWS::ElasticLoadBalancingV2::TargetGroup
    Properties:
      TargetGroupAttributes:
        - {Key: stickiness.enabled, Value: !Ref Sticky}
        - {Key: stickiness.lb_cookie.duration_seconds, Value: !Ref Seconds}
  Admin:
    Type: AWS::ElasticLoadBalancingV2::TargetGroup
    Properties:
      TargetGroupAttributes:
        - Key: deregistration_delay.timeout_seconds
          Value: 300 # five minutes
  Topic: {Type: AWS::SNS::Topic, Properties: {TopicName: !Ref Zone}}
""".replace("!Ref Sticky", '"false"')
CHANGED = ("CreateChangeSet", "ExecuteChangeSet")


def test_c63_the_stack_that_owns_the_groups_sets_and_gives_back_the_attributes(pair: Pair) -> None:
    """By one change set, planned before; a parameter where the value is one, else the template, comments and all."""
    stacked(pair)
    cloudformation, owner = pair.bed.client("cloudformation"), {"target_group_owner": "stack"}
    before = ("false", "3600", "300")
    planned = pair.play("deploy", "--check", "--diff", **owner)
    for words in ("parameter Seconds from 3600 to 7200", f"{DELAY} of Admin from 300 to 5", "ExecuteChangeSet"):
        assert words in planned.text, planned.text
    assert ([pair.calls(each) for each in CHANGED], pair.values()) == ([[], []], before)
    done = pair.play("deploy", **owner)
    assert (done.outcome, pair.values()) == ("proven", AFTER), done.text
    assert (len(pair.calls("CreateChangeSet")), pair.calls(MODIFY)) == (1, [])
    assert pair.records()[-1]["intent"]["attributes"][pair.admin] == {DELAY: "5"}
    body = cloudformation.get_template(StackName=pair.name)["TemplateBody"]
    expected = OWNED.replace("Value: 300 #", 'Value: "5" #').replace('Value: "false"', 'Value: "true"')
    assert body == expected
    (stack,) = cloudformation.describe_stacks(StackName=pair.name)["Stacks"]
    parameters = {each["ParameterKey"]: each["ParameterValue"] for each in stack["Parameters"]}
    assert parameters == {"Seconds": "7200", "Zone": "a"}
    assert pair.play("deploy", **owner).outcome == "unchanged"
    back = pair.play("rollback", **owner)
    assert (back.outcome, pair.values(), pair.calls(MODIFY)) == ("proven", before, []), back.text


WITH_PORT = OWNED.replace("Properties:\n", "Properties:\n      Port: !Ref Seconds\n", 1)
ALONE: list[tuple[str, dict[str, Any], str]] = [
    (OWNED.replace("!Ref Zone", "!Ref Seconds"), {}, "also change Topic (AWS::SNS::Topic: Modify, replacement Cond"),
    (WITH_PORT, {}, "also change Web (AWS::ElasticLoadBalancingV2::TargetGroup: Modify, replacement True, Port"),
    (OWNED, {"fails": "Rate exceeded"}, "Resource handler returned message: Rate exceeded"),
]


@pytest.mark.parametrize(("template", "more", "words"), ALONE, ids=["another resource", "replaced", "goes back"])
def test_c63_what_the_stack_cannot_do_alone_is_not_done(
    pair: Pair, template: str, more: dict[str, Any], words: str
) -> None:
    """It fails with the cause; neither group, nor the service, is another than before."""
    stacked(pair, template, **more)
    done = pair.play("deploy", target_group_owner="stack")
    assert done.outcome == "failed_rolled_back", done.text
    assert words in done.text, done.text
    assert (pair.values(), pair.calls(MODIFY), pair.calls("UpdateService")) == (("false", "3600", "300"), [], [])
    stacked(pair)
    assert pair.play("deploy", target_group_owner="stack").outcome == "proven"


def test_c63_a_stack_that_takes_no_update_is_refused_before_any_write(pair: Pair) -> None:
    for status in ("UPDATE_ROLLBACK_FAILED", "UPDATE_IN_PROGRESS"):
        stacked(pair, status=status)
        refused(pair, status, f'Key: {DURATION}, Value: "7200"', f"in the template of stack {pair.name}, resource Web",
                target_group_owner="stack")  # fmt: skip
        assert (pair.calls("CreateChangeSet"), pair.records()) == ([], [])


def test_c63_what_the_stack_cannot_give_back_is_refused_before_any_write(pair: Pair) -> None:
    """Unless Steady is told to set it all the same."""
    stacked(pair)
    assert pair.play("deploy", target_group_owner="stack").outcome == "proven"
    now = OWNED.replace("Value: 300", "Value: 5").replace('Value: "false"', "Value: true")
    stacked(pair, now, status="UPDATE_ROLLBACK_FAILED", parameters={"Seconds": "7200"})
    back = pair.play("rollback", target_group_owner="stack")
    assert (back.outcome, pair.values(), pair.calls("UpdateService")) == ("error", AFTER, []), back.text
    for words in ("is UPDATE_ROLLBACK_FAILED", f'Key: {DURATION}, Value: "3600"', "-e target_group_owner=steady"):
        assert words in back.text, back.text
    back = pair.play("rollback", target_group_owner="steady")
    assert (back.outcome, pair.values()) == ("proven", ("false", "3600", "300")), back.text


def test_c63_the_stack_gives_back_what_a_failed_deployment_was_given(pair: Pair) -> None:
    stacked(pair)
    pair.ill()
    done = pair.play("deploy", target_group_owner="stack")
    assert done.outcome == "failed_rolled_back", done.text
    assert (pair.values(), pair.calls(MODIFY)) == (("false", "3600", "300"), [])
    assert len(pair.calls("ExecuteChangeSet")) == 2, "one for both groups, and one on the way back"


@pytest.mark.parametrize(("operation", "skip"), [("ExecuteChangeSet", 0), ("DescribeStacks", 2)])
def test_c63_the_same_command_goes_on_with_the_change_set_of_a_run_that_died(
    pair: Pair, operation: str, skip: int
) -> None:
    """When the change set was made; and when it was sent to be executed."""
    stacked(pair)
    rule = {"service": "cloudformation", "operation": operation, "access_key": KEY, "kind": "expired", "skip": skip}
    status, said = pair.bed.admin("PUT", "/_bed/faults", [rule])
    assert status == 200, said
    try:
        cut = pair.play("deploy", target_group_owner="stack")
        made = len(pair.calls("CreateChangeSet"))
    finally:
        pair.bed.admin("DELETE", "/_bed/faults")
    assert (cut.outcome, made) == ("interrupted", 1), cut.text
    done = pair.play("deploy", target_group_owner="stack")
    assert (done.outcome, pair.values()) == ("proven", AFTER), done.text
    assert (pair.calls("CreateChangeSet"), pair.calls(MODIFY)) == ([], [])
    assert len(pair.records()) == 2, "the baseline and one release"
    back = pair.play("rollback", target_group_owner="stack")
    assert (back.outcome, pair.values()) == ("proven", ("false", "3600", "300")), back.text
