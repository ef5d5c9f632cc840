# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What preflight asks about the surroundings of a service, on the cases of public reports.

Each statement about a case is a function, and is shown to fail on a stand-in that does what the reporter's tool did.
"""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.edges import reads, surroundings, waits
from ansible_collections.steady.ecs.plugins.module_utils.rules import preflight as rules
from ansible_collections.steady.ecs.plugins.modules import service_preflight as module

from tests.unit.modules.releases import DURATION, GROUP
from tests.unit.modules.stack_world import Stacks, template
from tests.unit.modules.system import System

Answer = dict[str, Any]
ALARM = {
    "AlarmName": "web-5xx",
    "StateValue": "OK",
    "Namespace": "AWS/ApplicationELB",
    "MetricName": "UnHealthyHostCount",
    "Dimensions": [{"Name": "TargetGroup", "Value": GROUP.rpartition(":")[2]}],
}
FED = {each: ALARM[each] for each in ("Namespace", "MetricName", "Dimensions")}


class Hands:
    """A clock that moves when it is waited for."""

    time = 0.0

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reads, "_definitions", {})
    monkeypatch.setattr(waits, "clock", Hands())


@pytest.fixture
def system() -> System:
    return System()


@pytest.fixture
def blind(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the reporters' tools asked of the surroundings: nothing."""
    monkeypatch.setattr(surroundings, "checks_of", lambda *_asked: ([], [], ""))


def failed(found: Answer) -> dict[str, Answer]:
    return {each["name"]: each for each in found.get("checks", []) if each["ok"] is False}


def guarded(system: System, **changes: Any) -> None:
    """A deployment alarm; `changes` are its own."""
    alarms = {"alarmNames": ["web-5xx"], "enable": True, "rollback": True}
    system.service["deploymentConfiguration"]["alarms"] = alarms
    system.alarms, system.metrics = [{**ALARM, **changes}], [FED]


# -- C96


def c96_an_alarm_that_rings_already_is_refused(system: System) -> None:
    guarded(system, StateValue="ALARM")
    found = system.run(module)
    assert "ECS ignores it" in failed(found)["deployment alarm web-5xx"]["found"]
    assert "preflight_without_alarm_cover=true" in found["msg"]


def test_c96_an_alarm_that_rings_already_is_refused(system: System) -> None:
    c96_an_alarm_that_rings_already_is_refused(system)


@pytest.mark.usefixtures("blind")
def test_c96_fails_where_nobody_asks_for_the_alarms_state(system: System) -> None:
    with pytest.raises((AssertionError, KeyError)):
        c96_an_alarm_that_rings_already_is_refused(system)


def test_c96_who_goes_on_without_cover_has_it_in_the_report(system: System) -> None:
    guarded(system, StateValue="ALARM")
    found = system.run(module, without_alarm_cover=True)
    assert found["ok"] and found["uncovered"].startswith("no alarm cover (web-5xx: in ALARM already")
    assert found["uncovered"] in system.warnings
    guarded(system)
    assert system.run(module, without_alarm_cover=True)["uncovered"] == ""


def test_c96_what_could_not_be_asked_is_no_missing_cover(system: System) -> None:
    guarded(system)
    system.refused["list_metrics"] = "AccessDenied"
    found = system.run(module, without_alarm_cover=True)
    assert (found["ok"], found["uncovered"]) == (True, "")
    assert any(line.startswith("not checked: metric of the deployment alarm web-5xx") for line in system.warnings)


def test_an_alarm_that_does_not_exist_or_has_no_metric_is_refused(system: System) -> None:
    guarded(system)
    assert system.run(module)["ok"]
    system.metrics = []
    assert "no metric" in failed(system.run(module))["deployment alarm web-5xx"]["found"]
    system.alarms = []
    assert failed(system.run(module))["deployment alarm web-5xx"]["found"] == "no such alarm"


def test_a_metric_that_counts_errors_may_have_none(system: System) -> None:
    guarded(system, MetricName="HTTPCode_Target_5XX_Count")
    system.metrics = []
    assert system.run(module)["ok"]
    assert "list_metrics" not in system.calls


def test_an_alarm_on_another_target_group_is_told(system: System) -> None:
    guarded(system, Dimensions=[{"Name": "TargetGroup", "Value": "targetgroup/other/1"}])
    system.metrics = [{**FED, "Dimensions": [{"Name": "TargetGroup", "Value": "targetgroup/other/1"}]}]
    found = system.run(module)
    assert any("watches TargetGroup other" in each for each in found["findings"])


def test_alarms_that_are_switched_off_are_not_asked_about(system: System) -> None:
    guarded(system)
    system.service["deploymentConfiguration"]["alarms"]["enable"] = False
    assert system.run(module)["ok"] and "describe_alarms" not in system.calls


# -- C86 and what tasks need to start


def test_a_role_that_does_not_exist_or_trusts_another_is_refused(system: System) -> None:
    system.roles = {"pardon-production-task": "ec2.amazonaws.com"}
    found = failed(system.run(module))
    assert found["role pardon-production-execution"]["found"] == "it does not exist"
    assert "ec2.amazonaws.com" in found["role pardon-production-task"]["found"]
    assert "ecs-tasks.amazonaws.com" in found["role pardon-production-task"]["remedy"]


def c86_a_role_made_a_moment_ago_is_waited_for(system: System) -> None:
    whole, system.roles = system.roles, {}
    clock = waits.clock

    def slept(seconds: float) -> None:
        clock.time += seconds  # type: ignore[attr-defined]
        system.roles = whole

    clock.sleep = slept  # type: ignore[method-assign]
    assert system.run(module).get("ok")


def test_c86_a_role_made_a_moment_ago_is_waited_for(system: System) -> None:
    c86_a_role_made_a_moment_ago_is_waited_for(system)


def test_c86_fails_on_one_look(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surroundings, "NEW_ROLE", 0)
    with pytest.raises(AssertionError):
        c86_a_role_made_a_moment_ago_is_waited_for(system)


def test_a_log_group_that_nobody_made_is_refused_unless_it_is_created(system: System) -> None:
    system.log_groups = set()
    (name,) = failed(system.run(module))
    assert name.startswith("log group ")
    for each in system.definitions[system.service["taskDefinition"]]["containerDefinitions"]:
        each["logConfiguration"]["options"]["awslogs-create-group"] = "true"
    assert system.run(module)["ok"]


@pytest.mark.parametrize(
    ("operation", "action"), [("get_role", "iam:GetRole"), ("describe_log_streams", "logs:DescribeLogStreams")]
)
def test_a_missing_right_is_not_checked_and_names_action_and_policy(
    system: System, operation: str, action: str
) -> None:
    system.refused[operation] = "AccessDeniedException"
    found = system.run(module)
    assert found["ok"]
    (said, *_more) = [each for each in system.warnings if each.startswith("not checked")]
    assert action in said and "docs/iam/deploy.json has it" in said


# -- C24


def c24_a_weighted_rule_is_named_before_the_change(system: System) -> None:
    system.attributes[GROUP]["stickiness.enabled"] = "false"
    split = [{"TargetGroupArn": GROUP, "Weight": 90}, {"TargetGroupArn": f"{GROUP}b", "Weight": 10}]
    action: Answer = {"Type": "forward", "ForwardConfig": {"TargetGroups": split}}
    system.rules = [{"RuleArn": "rule/7", "Actions": [action]}]
    sticky = {"attributes": {"stickiness.enabled": True}}
    found = failed(system.run(module, **sticky))["stickiness of pardon-production-coral-tg"]
    assert "rule 7" in found["found"][0] and "TargetGroupStickinessConfig" in found["remedy"]
    action["ForwardConfig"]["TargetGroupStickinessConfig"] = {"Enabled": True, "DurationSeconds": 60}
    assert system.run(module, **sticky)["ok"]


def test_c24_a_weighted_rule_is_named_before_the_change(system: System) -> None:
    c24_a_weighted_rule_is_named_before_the_change(system)


@pytest.mark.usefixtures("blind")
def test_c24_fails_where_the_rules_are_not_read(system: System) -> None:
    with pytest.raises((AssertionError, KeyError)):
        c24_a_weighted_rule_is_named_before_the_change(system)


def test_an_applications_stickiness_is_refused_behind_a_weighted_rule(system: System) -> None:
    """ "Application-based stickiness does not work with weighted target groups." The rule's own does not help."""
    split = [{"TargetGroupArn": GROUP, "Weight": 90}, {"TargetGroupArn": f"{GROUP}b", "Weight": 10}]
    sticky = {"Enabled": True, "DurationSeconds": 60}
    action = {"Type": "forward", "ForwardConfig": {"TargetGroups": split, "TargetGroupStickinessConfig": sticky}}
    system.rules = [{"RuleArn": "rule/7", "Actions": [action]}]
    name = {"stickiness.app_cookie.cookie_name": "SESSION"}
    for before in ({"stickiness.enabled": "true", "stickiness.type": "lb_cookie"}, {"stickiness.enabled": "false"}):
        system.attributes[GROUP].update(before)
        declared = {"stickiness.enabled": True, "stickiness.type": "app_cookie", **name}
        found = failed(system.run(module, attributes=declared))["stickiness of pardon-production-coral-tg"]
        assert "rule 7" in found["found"][0] and "stickiness.type lb_cookie" in found["remedy"]
    action["ForwardConfig"] = {"TargetGroups": split[:1]}
    assert system.run(module, attributes=declared)["ok"]


# -- C47


def c47_a_fixed_host_port_on_one_instance_is_refused(system: System) -> None:
    definition = system.definitions[system.service["taskDefinition"]]
    definition.update(networkMode="bridge", requiresCompatibilities=["EC2"])
    definition["containerDefinitions"][0]["portMappings"][0]["hostPort"] = 80
    system.service.update(launchType="EC2", desiredCount=1)
    left = [
        {"name": "CPU", "integerValue": 4096},
        {"name": "MEMORY", "integerValue": 8192},
        {"name": "PORTS", "stringSetValue": ["22", "80"]},
    ]
    system.instances = [{"status": "ACTIVE", "ec2InstanceId": "i-1", "remainingResources": left}]
    found = failed(system.run(module))["room for a new task"]
    assert found["found"] == ["i-1: host port 80 is taken"]
    assert "free instance" in found["remedy"] and "minimumHealthyPercent below 100" in found["remedy"]
    assert system.run(module, settings={"deploymentConfiguration": {"minimumHealthyPercent": 0}})["ok"]
    whole = [{**each, "integerValue": 1024} if "integerValue" in each else each for each in left]
    system.instances[0]["registeredResources"] = whole
    stopped_first = failed(system.run(module, settings={"deploymentConfiguration": {"minimumHealthyPercent": 0}}))
    assert stopped_first["room for a new task"]["found"] == ["i-1: host port 80 is reserved"]
    left[2]["stringSetValue"] = ["22"]
    whole[2] = left[2]
    stopped_first = failed(system.run(module, settings={"deploymentConfiguration": {"minimumHealthyPercent": 0}}))
    assert stopped_first["room for a new task"]["found"] == ["i-1: 1024 of 2048 CPU units are there"]
    assert "Let the task ask for less" in stopped_first["room for a new task"]["remedy"]
    assert system.run(module)["ok"]
    left[0]["integerValue"] = 100
    assert "100 of 2048 CPU units are free" in failed(system.run(module))["room for a new task"]["found"][0]


def test_c47_a_fixed_host_port_on_one_instance_is_refused(system: System) -> None:
    c47_a_fixed_host_port_on_one_instance_is_refused(system)


@pytest.mark.usefixtures("blind")
def test_c47_fails_where_the_instances_are_not_read(system: System) -> None:
    with pytest.raises((AssertionError, KeyError)):
        c47_a_fixed_host_port_on_one_instance_is_refused(system)


# -- subnets, C52, C62


def test_declared_subnets_exist_in_the_groups_vpc_and_the_balancers_zones(system: System) -> None:
    system.groups[0]["VpcId"], system.zones = "vpc-1", ["us-east-1a"]
    system.subnets = [
        {"SubnetId": "subnet-a", "VpcId": "vpc-1", "AvailabilityZone": "us-east-1a"},
        {"SubnetId": "subnet-x", "VpcId": "vpc-2", "AvailabilityZone": "us-east-1f"},
    ]

    def moved(*names: str) -> Answer:
        network = {"awsvpcConfiguration": {"subnets": list(names)}}
        return system.run(module, settings={"networkConfiguration": network})

    found = failed(moved("subnet-a", "subnet-x", "subnet-q"))
    assert "subnet-q" in found["declared subnets"]["found"]
    assert found["VPC of the declared subnets"]["found"] == ["vpc-1", "vpc-2"]
    assert found["zones of the declared subnets"]["found"] == ["subnet-x is in us-east-1f"]
    right = moved("subnet-a")
    assert right["ok"] and any("when that zone fails" in each for each in right["findings"])
    assert "describe_subnets" not in System().calls


def test_c52_launch_type_and_capacity_providers_together_are_refused(system: System) -> None:
    both = {"launchType": "FARGATE", "capacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT"}]}
    found = failed(system.run(module, settings=both))
    assert "exclude each other" in found["declared settings"]["found"][0]


def test_c62_a_short_arn_is_told_and_blocks_nothing(system: System) -> None:
    system.service["serviceArn"] = system.service["serviceArn"].replace("pardon-production-cluster/", "")
    found = system.run(module)
    assert found["ok"] and any("short form" in each for each in found["findings"])


def test_c62_fails_where_nobody_looks_at_the_arn(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "findings", lambda _live: [])
    with pytest.raises(AssertionError):
        test_c62_a_short_arn_is_told_and_blocks_nothing(system)


# -- who owns the attributes

LONGER: Answer = {"attributes": {DURATION: 86400}}
STACK = {"aws:cloudformation:stack-name": "edge", "aws:cloudformation:logical-id": "CoralGroup"}
NAME = GROUP.split("/")[1]


def test_attributes_of_another_owner_that_are_not_live_are_refused_with_what_to_write(system: System) -> None:
    (wrong,) = failed(system.run(module, **LONGER, owner="terraform")).values()
    assert (wrong["expected"], wrong["found"]) == ({DURATION: "86400"}, {DURATION: "3600"})
    assert "stickiness { cookie_duration = 86400 }" in wrong["remedy"]
    assert "describe_tags" not in system.calls
    system.attributes[GROUP][DURATION] = "86400"
    assert system.run(module, **LONGER, owner="terraform")["ok"]


def test_a_plan_with_another_owner_is_shown_and_says_that_it_would_be_refused(system: System) -> None:
    found = system.run(module, check_mode=True, **LONGER, owner="other")
    assert found["ok"]
    assert any(f"{DURATION} = 86400" in each for each in system.warnings)


def test_a_group_of_a_stack_is_refused_until_its_owner_is_declared(system: System) -> None:
    system.tags = STACK
    (wrong,) = failed(system.run(module, **LONGER)).values()
    for words in ("stack edge, resource CoralGroup", "target_group_owner: stack", "target_group_owner: steady"):
        assert words in wrong["remedy"]
    assert f'CoralGroup, TargetGroupAttributes: - {{Key: {DURATION}, Value: "86400"}}' in wrong["remedy"]
    assert system.run(module, **LONGER, owner="steady")["ok"]


def owned(system: System, **more: Any) -> Stacks:
    """The group is a stack's now, which has the duration as a parameter."""
    stacks = Stacks(system.attributes)
    stacks.declare("edge", template(Duration={"Ref": "Seconds"}), {"CoralGroup": GROUP}, {"Seconds": "3600"}, **more)
    system.tags, system.others["cloudformation"] = stacks.tags[GROUP], stacks
    return stacks


def test_c63_what_the_stack_of_a_group_can_set_is_no_refusal(system: System) -> None:
    stacks = owned(system)
    found = system.run(module, **LONGER, owner="stack")
    (said,) = [each for each in found["checks"] if each["name"] == f"attributes of {NAME}, of stack edge"]
    assert (found["ok"], said["ok"]) == (True, True)
    assert "parameter Seconds from 3600 to 86400" in said["found"]
    assert stacks.calls == ["describe_stacks", "get_template"]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"status": "UPDATE_ROLLBACK_FAILED"}, "is UPDATE_ROLLBACK_FAILED, and takes no update"),
        ({"status": "UPDATE_IN_PROGRESS"}, "somebody is updating it"),
    ],
)
def test_c63_a_stack_that_takes_no_update_is_refused_with_what_to_write(
    system: System, more: Answer, words: str
) -> None:
    owned(system, **more)
    (wrong,) = failed(system.run(module, **LONGER, owner="stack")).values()
    assert words in wrong["found"]
    assert f'CoralGroup, TargetGroupAttributes: - {{Key: {DURATION}, Value: "86400"}}' in wrong["remedy"]


def test_c63_a_stack_that_may_not_be_read_is_refused_by_the_rights_name(system: System) -> None:
    owned(system).refused["get_template"] = "AccessDenied"
    (wrong,) = failed(system.run(module, **LONGER, owner="stack")).values()
    assert "cloudformation:GetTemplate" in wrong["found"] and DURATION in wrong["remedy"]
    assert system.run(module, check_mode=True, **LONGER, owner="stack")["ok"], "a plan is shown all the same"


def test_c63_a_group_without_a_stack_cannot_be_set_by_one(system: System) -> None:
    (wrong,) = failed(system.run(module, **LONGER, owner="stack")).values()
    assert f"no tag of {NAME} names a stack" in wrong["found"]


def test_of_a_group_that_is_as_declared_nobody_asks_whose_it_is(system: System) -> None:
    system.tags = STACK
    assert system.run(module, attributes={DURATION: 3600})["ok"]
    assert "describe_tags" not in system.calls


def test_tags_that_may_not_be_read_are_not_checked(system: System) -> None:
    system.refused["describe_tags"] = "AccessDenied"
    assert system.run(module, **LONGER)["ok"]
    assert any("elasticloadbalancing:DescribeTags" in each for each in system.warnings)


def test_a_group_that_another_service_uses_too_has_one_owner(system: System) -> None:
    system.addresses, system.tasks = ["10.0.0.1", "10.0.0.2"], ["10.0.0.1"]
    wrong = failed(system.run(module, **LONGER))[f"targets of {NAME}"]
    assert "10.0.0.2" in wrong["found"] and "10.0.0.1" not in wrong["found"]
    assert system.run(module, **LONGER, owner="steady")["ok"]
    system.tasks += ["10.0.0.2"]
    assert system.run(module, **LONGER)["ok"]
