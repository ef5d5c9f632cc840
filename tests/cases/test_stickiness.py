# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether users really stay on one task, on a bed whose tasks answer them (case C27)."""

from __future__ import annotations

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.edges import visits
from ansible_collections.steady.ecs.plugins.module_utils.rules import health, target_group
from ansible_collections.steady.ecs.plugins.modules import (
    release,
    service_drift,
    service_health,
    target_group_attributes,
)

from tests.cases.conftest import Answer, Place
from tests.testbed.beds import PORT

OTHER_PORT = PORT + 1


def two_doors(real: Place) -> None:
    """A service in two groups with a listener each: that of the first door is sticky, that of the second is not."""
    other = real.make_group(f"{real.name}-b")
    real.listen(other, OTHER_PORT)
    sticky = [{"Key": "stickiness.enabled", "Value": "true"}]
    real.elb.modify_target_group_attributes(TargetGroupArn=real.group, Attributes=sticky)
    entries = [{"targetGroupArn": arn, "containerName": "app", "containerPort": PORT} for arn in (real.group, other)]
    real.at_rest(loadBalancers=entries, healthCheckGracePeriodSeconds=600)


def looked(real: Place, port: int, request: str = "/") -> Answer:
    """The check of stickiness of users who come through a door."""
    url = real.url.replace(f":{PORT}/", f":{port}")
    identity = {"request": request, "header": "X-Instance"}
    found = real.run(
        service_health, url=url, task_identity=identity, target_group=real.name, wait_timeout=60, wait_delay=1
    )
    return next(each for each in found["checks"] if each["name"] == health.STICKINESS)


def test_c27_what_is_called_sticky_is_tried_by_users(real: Place) -> None:
    two_doors(real)
    kept = looked(real, PORT)
    assert kept["ok"] is True, kept
    assert "in 10 requests with the cookie" in kept["found"]
    lost = looked(real, OTHER_PORT)
    assert lost["ok"] is False, "the attributes say sticky, and these users change tasks"
    assert "look at the group's stickiness and its rules" in lost["remedy"]


def test_c27_fails_on_a_tool_that_looks_at_attributes_alone(real: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visits, "tasks_met", lambda _url, _identity, count: (["a"] * count, ["a", "b"], {"AWSALB"}))
    with pytest.raises(AssertionError, match="the attributes say sticky"):
        test_c27_what_is_called_sticky_is_tried_by_users(real)


BY_APPLICATION = {
    "stickiness.enabled": True,
    "stickiness.type": "app_cookie",
    "stickiness.app_cookie.cookie_name": "SESSION",
}


def test_c22_type_and_name_go_in_one_call_and_users_stay(real: Place) -> None:
    real.at_rest(real.register(env={"COOKIE": "SESSION"}), healthCheckGracePeriodSeconds=600)
    assert real.run(target_group_attributes, attributes=BY_APPLICATION).get("changed")
    assert real.writes() == ["ModifyTargetGroupAttributes"]
    kept = looked(real, PORT, "/login")
    assert kept["ok"] is True, kept
    never = looked(real, PORT)
    assert never["ok"] is None, "users who begin no session change tasks, and that is no failure"
    assert "no answer sets the cookie SESSION" in never["reason"]


def test_c22_fails_on_a_tool_that_does_not_pass_the_name_on(real: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = target_group.compare
    monkeypatch.setattr(
        target_group,
        "compare",
        lambda *asked: [each for each in ours(*asked) if each.path != target_group.COOKIE_NAME],
    )
    with pytest.raises(AssertionError):
        test_c22_type_and_name_go_in_one_call_and_users_stay(real)


def attributes_of(place: Place) -> dict[str, str]:
    found = place.elb.describe_target_group_attributes(TargetGroupArn=place.group)["Attributes"]
    return {each["Key"]: each["Value"] for each in found}


def test_a_rollback_goes_back_from_an_applications_cookie_to_the_load_balancers_own(place: Place) -> None:
    """AWS shows the name of a cookie that there is none as an empty text, which no declaration may hold."""
    place.at_rest()
    before = attributes_of(place)
    plan = place.run(service_drift, attributes=BY_APPLICATION)["differences"]
    opened = place.run(release, state="opened", attributes=BY_APPLICATION, differences=plan)
    place.run(target_group_attributes, attributes=BY_APPLICATION, release=opened["permit"])
    place.run(release, state="applied", release=opened["release"], steps={"task_definition": None})
    place.run(release, state="closed", release=opened["release"], outcome="proven", verdict="succeeded")
    assert attributes_of(place)["stickiness.type"] == "app_cookie"

    back = place.run(release, state="opened", kind="rollback")
    for arn, wanted in back["target"]["attributes"].items():
        found = place.run(target_group_attributes, target_group=arn, attributes=wanted, release=back["permit"])
        assert found.get("changed"), found
    now = attributes_of(place)
    assert now.pop(target_group.COOKIE_NAME) == "SESSION", "AWS keeps it, and it means nothing now"
    assert now == {key: value for key, value in before.items() if key != target_group.COOKIE_NAME}
    assert not back["target"]["not_restorable"]
