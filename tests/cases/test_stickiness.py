# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether users really stay on one task, on a bed whose tasks answer them (case C27)."""

from __future__ import annotations

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.edges import visits
from ansible_collections.steady.ecs.plugins.module_utils.rules import health
from ansible_collections.steady.ecs.plugins.modules import service_health

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


def looked(real: Place, port: int) -> Answer:
    """The check of stickiness of users who come through a door."""
    url = real.url.replace(f":{PORT}/", f":{port}")
    identity = {"request": "/", "header": "X-Instance"}
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
    monkeypatch.setattr(visits, "tasks_met", lambda _url, _identity, count: (["a"] * count, ["a", "b"]))
    with pytest.raises(AssertionError, match="the attributes say sticky"):
        test_c27_what_is_called_sticky_is_tried_by_users(real)
