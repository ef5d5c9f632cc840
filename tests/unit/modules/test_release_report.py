"""The module ``release_report``: the two files, and every fact of the production story that a run can know."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.modules import release_report

from tests.unit.modules.releases import CHANGES, DURATION, FAMILY, SECRET, World

URL = "https://pardonsimulator.com/api/health/coral"
SSE = "http://localhost:5555/sse/v1/devmode/app/priv"
DIFFERENCES = [
    {
        "resource": "task definition",
        "path": "containerDefinitions[coral].environment[CORAL_SESSIONS]",
        "expected": None,
        "actual": "pool-0,pool-1,pool-2,pool-3,pool-4",
    },
    {
        "resource": "task definition",
        "path": "containerDefinitions[agent-1].environment[CORAL_SSE_URL]",
        "expected": f"{SSE}/production-main",
        "actual": SSE,
    },
]


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World()

    def act(state: str, **params: Any) -> None:
        world.release(tmp_path / "store", state, **params)

    act("opened", changes=CHANGES, attributes={DURATION: 86400}, differences=DIFFERENCES, why="Production stability")
    world.deployed()
    act("applied", steps={"attributes": "done", "task_definition": f"{FAMILY}:75", "deployment": "ecs-svc/75"})
    act("closed", outcome="proven", verdict="succeeded", duration_seconds=610)
    return world


def report(world: World, tmp_path: Path, check_mode: bool = False, **params: Any) -> dict[str, Any]:
    task = world.task(release_report.SPEC.options, check_mode, store=str(tmp_path / "store"), seq=2, **params)
    task.warn = world.calls.append
    return release_report.run(task)


def test_of_several_services_none_writes_over_anothers_report(world: World, tmp_path: Path) -> None:
    alone = report(world, tmp_path, path=str(tmp_path / "reports"))
    several = report(world, tmp_path, path=str(tmp_path / "reports"), services=2)
    assert Path(alone["path_markdown"]) == tmp_path / "reports" / "report.md"
    assert Path(several["path_markdown"]) == tmp_path / "reports" / "pardon-production-service" / "report.md"


def test_both_files_hold_the_facts_of_the_production_story(world: World, tmp_path: Path) -> None:
    traffic = tmp_path / "users.json"
    traffic.write_text(json.dumps({"requests": 1834, "failed": 0}))
    answer = report(world, tmp_path, differences=DIFFERENCES, endpoints=[URL], traffic=str(traffic))
    text = Path(answer["path_markdown"]).read_text()
    assert text == answer["markdown"]
    assert json.loads(Path(answer["path_json"]).read_text()) == answer["report"]
    for fact in (
        "us-east-1, 640080112933",
        "pardon-production-cluster, pardon-production-service",
        "3 of 3 running, status ACTIVE",
        "pardon-simulator:74 before, pardon-simulator:75 after",
        "9: coral, agent-1",
        "targetgroup/pardon-production-coral-tg/6cd8923ffc120347",
        "`stickiness.lb_cookie.duration_seconds` | `3600` | `86400`",
        "`pool-0,pool-1,pool-2,pool-3,pool-4` | removed",
        f"`{SSE}` | `{SSE}/production-main`",
        f"`{URL}`",
        "`/ecs/pardon-simulator`",
        "10 min 10 s",
        "| Requests failed | 0 |",
        "Back to baseline 1 (not proven: as it was found)",
        "ansible-playbook steady.ecs.rollback",
        "--task-definition arn:aws:ecs:us-east-1:640080112933:task-definition/pardon-simulator:74",
        "Key=stickiness.lb_cookie.duration_seconds,Value=3600",
        "First hour:",
        "First 24 hours:",
        "`UnHealthyHostCount`",
        "LoadBalancer=app/pardon-alb/50dc6c495c0c9188",
    ):
        assert fact in text, fact
    assert Path(answer["path_markdown"]).parent.name == "00000002"


def test_no_value_of_the_environment_is_read_into_it(world: World, tmp_path: Path) -> None:
    answer = report(world, tmp_path)
    assert SECRET not in json.dumps(answer)
    assert "environment[TOKEN]" in answer["markdown"]


def test_a_folder_of_one_s_own(world: World, tmp_path: Path) -> None:
    answer = report(world, tmp_path, path=str(tmp_path / "mine"))
    assert sorted(each.name for each in (tmp_path / "mine").iterdir()) == ["report.json", "report.md"]
    assert answer["changed"]


def test_check_mode_writes_no_file(world: World, tmp_path: Path) -> None:
    answer = report(world, tmp_path, check_mode=True, path=str(tmp_path / "mine"))
    assert answer["markdown"] and not (tmp_path / "mine").exists()


def test_a_summary_that_is_not_there_yet_is_a_warning(world: World, tmp_path: Path) -> None:
    answer = report(world, tmp_path, traffic=str(tmp_path / "later.json"))
    assert "Requests were not counted" in answer["markdown"]
    assert len(world.calls) == 1 and "later.json" in world.calls[0]


def test_a_run_that_opened_no_release_has_no_report(tmp_path: Path) -> None:
    task = World().task(release_report.SPEC.options, store=str(tmp_path))
    assert release_report.run(task) == {
        "changed": False,
        "report": None,
        "markdown": "",
        "path_markdown": None,
        "path_json": None,
    }


def test_of_an_endpoint_no_query_and_no_user_is_shown(world: World, tmp_path: Path) -> None:
    urls = ["https://example.com/health?token=canary-7", {"url": "https://ada:canary-8@example.com/h", "status": 200}]
    found = report(world, tmp_path, endpoints=[*urls, "http://[::1"])
    text = Path(found["path_markdown"]).read_text() + Path(found["path_json"]).read_text() + json.dumps(found)
    assert "canary" not in text and "https://example.com/health?..." in text
