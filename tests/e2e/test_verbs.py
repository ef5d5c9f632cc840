"""The operator's verbs as an operator types them, on the bed: last line, exit status, result file, record, world."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import CLUSTER, SERVICE, Checkout, Run, copied, until

pytestmark = pytest.mark.walk

QUICK = ("-e", json.dumps({"rollout_wait_delay": 1, "rollout_stable_seconds": 1, "release_lease_seconds": 15}))
NOBODY_ANSWERS = ("-e", json.dumps({"health_endpoints": [], "health_task_identity": {}}))
"""Tasks without processes answer nobody."""


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """A checkout whose bed (tasks without processes) runs the production release, proven."""
    found = copied(tmp_path_factory.mktemp("verbs") / "steady")
    found.prepare("--engine", "none")
    done = found.run("./steady", "play", "deploy.yml", *QUICK, *NOBODY_ANSWERS)
    assert done.status == 0, done.text
    yield found
    found.run("./steady", "bed", "stop")


@pytest.fixture
def bed(released: Checkout) -> Checkout:
    """The same, at rest: an earlier test's deployment is over."""
    released.admin("PUT", "/_bed/health", {"*": "healthy"})
    until(lambda: at_rest(released), 60, "the service is at rest")
    released.admin("DELETE", "/_bed/calls")
    return released


def at_rest(checkout: Checkout) -> bool:
    found = checkout.service()
    states = [each["rolloutState"] for each in found["deployments"]]
    return states == ["COMPLETED"] and found["runningCount"] == found["desiredCount"]


def play(checkout: Checkout, verb: str, *options: str, **values: Any) -> Run:
    """Run a verb as an operator does."""
    given = ("-e", json.dumps(values)) if values else ()
    return checkout.run("./steady", "play", f"{verb}.yml", *QUICK, *given, *options)


def last(done: Run) -> str:
    return done.text.rstrip().splitlines()[-1]


def newest(checkout: Checkout) -> dict[str, Any]:
    return checkout.records()[-1]


def head(checkout: Checkout) -> dict[str, Any]:
    (path,) = (checkout.path / ".state/releases").rglob("head.json")
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def test_history_shows_a_line_a_release_and_one_whole(bed: Checkout, tmp_path: Path) -> None:
    file = tmp_path / "history.json"
    done = play(bed, "history", history_file=str(file))
    assert done.status == 0, done.text
    assert re.search(rf"{SERVICE}: +1  baseline", done.text)
    line = next(each for each in done.text.splitlines() if re.search(rf"{SERVICE}: +2  deploy", each))
    for part in ("proven", "pardon-simulator:74 -> pardon-simulator:75", "agent-1 environment CORAL_SSE_URL", "why: "):
        assert part in line
    assert last(done).startswith(f"{SERVICE}: outcome: unchanged: ")
    found = json.loads(file.read_text(encoding="utf-8"))["hosts"][SERVICE]["releases"]
    assert {each["seq"] for each in found} >= {1, 2}
    one = play(bed, "history", history_release=2)
    assert "check" in one.text
    assert "stickiness.lb_cookie.duration_seconds of pardon-production-coral-tg: 3600 -> 86400" in one.text
    as_json = play(bed, "history", history_format="json", history_release=2)
    text = next(each for each in as_json.text.splitlines() if each.startswith(f"{SERVICE}: [{{"))
    assert json.loads(text.removeprefix(f"{SERVICE}: "))[0]["seq"] == 2
    assert play(bed, "history", history_release=999).status == 1
    assert bed.admin("GET", "/_bed/calls")["log"] == [], "the records are enough"


def test_status_says_what_runs_and_whether_it_is_proven(bed: Checkout) -> None:
    done = play(bed, "status")
    assert done.status == 0, done.text
    assert f"{SERVICE} runs pardon-simulator:75, 3/3 running" in last(done)
    assert "the last proven one" in last(done)
    assert bed.writes() == []


def test_c71_scale_sends_the_count_alone_and_waits_until_it_is_reached(bed: Checkout) -> None:
    done = play(bed, "scale", scale_count=4, operation_why="the sale begins")
    assert done.status == 0, done.text
    assert (bed.service()["desiredCount"], bed.service()["runningCount"]) == (4, 4)
    assert "4/4 running" in last(done)
    assert bed.writes() == ["ecs:UpdateService"]
    record = newest(bed)
    assert (record["kind"], record["state"], record["audit"]["why"]) == ("scale", "succeeded", "the sale begins")
    again = play(bed, "scale", scale_count=4)
    assert (again.status, "outcome: unchanged" in last(again)) == (0, True)
    back = play(bed, "scale", "--check", scale_count=3)
    assert "check mode" in last(back)
    assert bed.service()["desiredCount"] == 4
    assert play(bed, "scale", scale_count=3).status == 0
    assert len(bed.writes()) == 2


def test_c93_restart_replaces_every_task_and_names_no_revision(bed: Checkout) -> None:
    before = set(bed.client("ecs").list_tasks(cluster=CLUSTER, serviceName=SERVICE)["taskArns"])
    done = play(bed, "restart")
    assert done.status == 0, done.text
    after = set(bed.client("ecs").list_tasks(cluster=CLUSTER, serviceName=SERVICE)["taskArns"])
    assert len(after) == 3
    assert not before & after
    assert bed.revision() == "pardon-simulator:75"
    assert bed.writes() == ["ecs:UpdateService"]
    assert newest(bed)["kind"] == "restart"


def test_c80_stop_rolls_back_what_hangs_and_rollback_closes_its_release(bed: Checkout) -> None:
    """A deployment that hangs is interrupted, stopped, and its release put back whole."""
    count = len(bed.records())
    bed.admin("PUT", "/_bed/health", {"pardon-simulator:76": "unhealthy"})
    environment = {"containers": {"coral": {"environment": {"NEW": "1"}}}}
    changed = {
        "rollout_changes": environment,
        "target_group_attributes": {"stickiness.lb_cookie.duration_seconds": 7200},
        # Longer than any machine takes for this test: until it is over ECS replaces no task and does not go back.
        "rollout_settings": {"healthCheckGracePeriodSeconds": 86400},
    }
    options = (*QUICK, *NOBODY_ANSWERS, "-e", json.dumps(changed))
    process = bed.start("./steady", "play", "deploy.yml", *options)
    assert process.stdout is not None
    for line in process.stdout:
        if "if this is interrupted" in line:
            break
    process.terminate()
    process.stdout.read()
    assert process.wait(60) == 7
    until(lambda: head(bed)["lease"] is None, 30, "the lease is given back")
    assert bed.revision() == "pardon-simulator:76"

    done = play(bed, "stop", operation_why="it hangs")
    assert done.status == 0, done.text
    assert bed.revision() == "pardon-simulator:75"
    number = count + 1
    assert f"release {number} is open: rollback.yml puts back" in last(done)
    assert newest(bed)["kind"] == "stop"
    assert bed.stickiness() == "7200", "stop puts back the service only, and says so"

    again = play(bed, "stop")
    assert (again.status, "no deployment is under way" in last(again)) == (0, True)

    back = bed.run("./steady", "play", "rollback.yml", *QUICK, *NOBODY_ANSWERS)
    assert back.status == 0, back.text
    assert bed.revision() == "pardon-simulator:75"
    assert bed.stickiness() == "86400"
    assert head(bed)["open"] is None
    assert bed.records()[number - 1]["state"] in ("abandoned", "rolled_back")
    status = play(bed, "status")
    assert "the last proven one" in last(status), status.text


def test_continue_with_nothing_paused_changes_nothing(bed: Checkout) -> None:
    done = play(bed, "continue")
    assert (done.status, "no hook" in last(done)) == (0, True), done.text
    assert bed.writes() == []


def test_c77_run_task_takes_the_services_place_and_tells_its_end(bed: Checkout) -> None:
    done = play(bed, "run_task", run_task_container="coral", run_task_command=["true"])
    assert done.status == 0, done.text
    assert "ended with 0" in last(done)
    assert bed.writes() == ["ecs:RunTask"]
    task = newest(bed)["operation"]["result"]["task"]
    found = bed.client("ecs").describe_tasks(cluster=CLUSTER, tasks=[task])["tasks"][0]
    assert found["group"] == "family:pardon-simulator"
    bed.admin("PUT", "/_bed/health", {"*": "crash"})
    crashed = play(bed, "run_task", run_task_container="coral", run_task_command=["true"])
    assert crashed.status == 4, crashed.text
    assert "Container coral" in last(crashed)
    assert "exited with code 1" in last(crashed)


def test_c74_a_task_that_never_starts_is_no_success(bed: Checkout) -> None:
    bed.admin("PUT", "/_bed/health", {"*": "never-starts"})
    done = play(bed, "run_task", run_task_command=["true"])
    assert done.status == 4, done.text
    assert "outcome: failed" in last(done)
    assert "CannotPullContainerError" in last(done)


def test_c64_prune_keeps_what_anything_names(bed: Checkout) -> None:
    ecs = bed.client("ecs")
    definition = ecs.describe_task_definition(taskDefinition="pardon-simulator:75")["taskDefinition"]
    content = {
        name: definition[name]
        for name in ("family", "containerDefinitions", "networkMode", "requiresCompatibilities", "cpu", "memory")
        if name in definition
    }
    content |= {name: definition[name] for name in ("executionRoleArn", "taskRoleArn") if name in definition}
    active = ecs.list_task_definitions(familyPrefix="pardon-simulator", status="ACTIVE")["taskDefinitionArns"]
    listed = play(bed, "prune", "--check", prune_keep=1)
    assert listed.status == 0, listed.text
    assert "keeps pardon-simulator:75: service pardon-production-service of cluster" in listed.text
    assert "keeps pardon-simulator:74: release 2" in listed.text, "what the proven release started from"
    assert ecs.list_task_definitions(familyPrefix="pardon-simulator")["taskDefinitionArns"] == active
    newer = ecs.register_task_definition(**content)["taskDefinition"]["taskDefinitionArn"]
    bed.admin("DELETE", "/_bed/calls")
    done = play(bed, "prune", prune_keep=1)
    assert done.status == 0, done.text
    left = ecs.list_task_definitions(familyPrefix="pardon-simulator", status="ACTIVE")["taskDefinitionArns"]
    assert newer in left
    assert {arn.rsplit("/", 1)[-1] for arn in left} >= {"pardon-simulator:74", "pardon-simulator:75"}
    assert set(bed.writes()) <= {"ecs:DeregisterTaskDefinition"}


def test_unlock_names_the_holder_and_takes_the_lease_only_when_told(bed: Checkout) -> None:
    path = next((bed.path / ".state/releases").rglob("head.json"))
    lease = {
        "nonce": "dead", "key": "dead/1/1", "ttl_s": 6, "who": "arn:aws:iam::000000000000:user/ben",
        "host": "runner-9", "why": "a hotfix", "since": "2026-01-02T03:04:05Z",
    }  # fmt: skip
    path.write_text(json.dumps({**head(bed), "lease": lease}), encoding="utf-8")
    shown = play(bed, "unlock")
    assert shown.status == 5, shown.text
    for part in ("user/ben", "runner-9", "a hotfix", "2026-01-02T03:04:05Z", "unlock_key=dead"):
        assert part in shown.text
    assert head(bed)["lease"] == lease
    status = play(bed, "status")
    assert "at work on it: arn:aws:iam::000000000000:user/ben on runner-9" in status.text
    done = play(bed, "unlock", unlock_key="dead", operation_why="runner-9 is switched off")
    assert done.status == 0, done.text
    assert head(bed)["lease"] is None
    assert (newest(bed)["kind"], newest(bed)["audit"]["why"]) == ("unlock", "runner-9 is switched off")
    assert play(bed, "unlock").status == 0, "nobody holds it"


def test_a_second_operator_is_held(bed: Checkout) -> None:
    path = next((bed.path / ".state/releases").rglob("head.json"))
    free = head(bed)
    lease = {
        "nonce": "alive", "key": "alive/1/1", "ttl_s": 90, "who": "arn:aws:iam::000000000000:user/ben",
        "host": "runner-9", "why": "a hotfix", "since": "2026-01-02T03:04:05Z",
    }  # fmt: skip
    path.write_text(json.dumps({**free, "lease": lease}), encoding="utf-8")
    try:
        for verb, values in (("scale", {"scale_count": 2}), ("restart", {}), ("run_task", {})):
            done = play(bed, verb, **{"release_wait_seconds": 2, **values})
            assert done.status == 5, (verb, done.text)
            assert "outcome: held: Another run is at work" in last(done)
            assert "user/ben on runner-9" in last(done)
        assert bed.writes() == []
    finally:
        path.write_text(json.dumps(free), encoding="utf-8")


def test_a_verb_that_writes_refuses_a_whole_inventory(bed: Checkout) -> None:
    hosts = bed.path / "inventories/local/hosts.yml"
    before = hosts.read_text(encoding="utf-8")
    hosts.write_text(before + "    another-service:\n", encoding="utf-8")
    variables = bed.path / "inventories/local/host_vars"
    (variables / "another-service.yml").write_text((variables / f"{SERVICE}.yml").read_text())
    try:
        done = play(bed, "restart")
        assert done.status == 1, done.text
        assert f"This would restart 2 services: {SERVICE}, another-service" in done.text
        assert bed.writes() == []
        limited = play(bed, "restart", "--check", "--limit", SERVICE)
        assert limited.status == 0, limited.text
    finally:
        hosts.write_text(before, encoding="utf-8")
        (variables / "another-service.yml").unlink()
