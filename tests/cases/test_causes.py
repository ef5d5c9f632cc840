# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Cases of the cause of a failure, on a bed whose tasks are processes with logs."""

from __future__ import annotations

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.rules import causes
from ansible_collections.steady.ecs.plugins.modules import deployment

from tests.cases.conftest import Place

LOG = {"awslogs-group": "/ecs/web", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "ecs"}


def test_c44_a_task_that_fails_to_start_is_told_whole(real: Place) -> None:
    real.at_rest(healthCheckGracePeriodSeconds=600)  # on a slow machine the health checks would be the first to fail
    log = {"logDriver": "awslogs", "options": {**LOG, "awslogs-create-group": "true"}}
    revision = real.register("v2", env={"CRASH_AT_START": "3"}, logConfiguration=log)
    found = real.run(deployment, task_definition=revision, wait_timeout=300, wait_delay=1, stable_seconds=5)
    assert found.get("failed")
    assert found["cause"]["container"] == "app"
    for part in ("container app", "exited with code 3", "EssentialContainerExited", "Database.connect"):
        assert part in found["msg"].replace("Container", "container", 1), found["msg"]


def test_c44_fails_on_a_tool_that_repeats_the_count(real: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(causes, "as_text", lambda _cause: "1 tasks failed to start")
    with pytest.raises(AssertionError):
        test_c44_a_task_that_fails_to_start_is_told_whole(real)
