"""A module cannot tell how it is run: every module, in process and as a module, on the ansible-core of the lane."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.conftest import ROOT, until
from tests.lanes.cases import CALLS_NOTHING, CASES, late_task, tasks_of
from tests.lanes.conftest import CANARY, CLUSTER, LANE, SERVICE, World, comparable

MODULES = sorted(path.stem for path in (ROOT / "plugins/modules").glob("*.py"))
Results = dict[str, Any]


@pytest.fixture(scope="session")
def both(worlds: tuple[World, World]) -> Iterator[tuple[tuple[Results, str], tuple[Results, str]]]:
    """All cases of all modules, run both ways: results and output of each."""
    answers = []
    for world in worlds:
        results, text = world.results([task for module in CASES for task in tasks_of(module)])
        world.checkout.admin("PUT", "/_bed/faults", [{"operation": "*", "delay": 5}])
        late, more = world.results([late_task(module) for module in CASES if module not in CALLS_NOTHING])
        world.checkout.admin("DELETE", "/_bed/faults")
        answers.append(({**results, **late}, text + more))
    yield answers[0], answers[1]


@pytest.mark.parametrize("module", MODULES)
def test_every_module_has_an_entry(module: str) -> None:
    assert module in CASES, "a new module says in tests/lanes/cases.py how it is tried"


@pytest.mark.parametrize("module", MODULES)
def test_results_are_equal_in_process_and_as_a_module(module: str, both: Any) -> None:
    (here, _), (there, _) = both
    names = [name for name in here if name.startswith(f"{module}__")]
    assert names
    for name in names:
        case = name.split("__")[1]
        if case == "bad_argument":
            for result in (here[name], there[name]):
                assert result["failed"]
                assert "nonsense" in result["msg"]
            continue
        mine, other = comparable(here[name]), comparable(there[name])
        for result in (mine, other):
            for key in (
                "exception",
                "failed_when_result",
                "module_stderr",
                "module_stdout",
                "warnings",
                "deprecations",
            ):
                result.pop(key, None)
            if case == "timeout":
                result.pop("timedout", None)
        assert mine == other, name


@pytest.mark.parametrize("module", MODULES)
def test_each_case_ends_as_its_name_says(module: str, both: Any) -> None:
    (here, _), _ = both
    for name, result in here.items():
        if not name.startswith(f"{module}__"):
            continue
        case = name.split("__")[1]
        if case in ("ok", "check", "changed"):
            assert not result.get("failed"), (name, result)
            assert result["changed"] is (case != "ok"), name
        elif case == "no_log" and module in CALLS_NOTHING:
            assert not result.get("failed"), (name, result)
        elif case in ("no_log", "expired") and module == "service_drift":
            assert result["status"] == "NOT_CHECKED", name  # what AWS does not answer is an answer there
        else:
            assert result["failed"], name
    if f"{module}__check" in here:
        assert set(here[f"{module}__check"]) == set(here[f"{module}__changed"]), "check mode predicts the same keys"
    if f"{module}__expired" in here and module != "service_drift":
        assert here[f"{module}__expired"].get("reason") == "expired_credentials"


def test_no_secret_is_printed_or_logged(both: Any, worlds: tuple[World, World]) -> None:
    for (results, text), world in zip(both, worlds, strict=True):
        assert CANARY not in text
        assert CANARY not in str(results)
        assert CANARY not in (world.checkout.path / "ansible.log").read_text(encoding="utf-8")


def waiting(world: World) -> subprocess.Popen[str]:
    """A deployment that never gets healthy, watched by ansible-playbook; returns when the wait has begun."""
    world.checkout.admin("PUT", "/_bed/health", {"*": "unhealthy"})
    book = world.checkout.path / "wait.yml"
    book.write_text(
        f"""
- hosts: all
  connection: local
  gather_facts: false
  vars: {{ansible_python_interpreter: "{{{{ ansible_playbook_python }}}}"}}
  tasks:
    - steady.ecs.release:
        {{state: opened, force: true, account: "000000000000", cluster: {CLUSTER}, service: {SERVICE},
         store: "{{{{ playbook_dir }}}}/.state/signals"}}
      register: opened
    - steady.ecs.deployment:
        {{cluster: {CLUSTER}, service: {SERVICE}, force: true, wait_delay: 1,
         release: "{{{{ opened.release }}}}"}}
""",
        encoding="utf-8",
    )
    # A key of its own: a module process that Ansible gave up at its `timeout:` may still be looking.
    key = f"signalled-{time.monotonic_ns()}"
    process = subprocess.Popen(
        [str(LANE / "ansible-playbook"), str(book), "-i", "localhost,"], cwd=world.checkout.path,
        env={**world.environment(), "AWS_ACCESS_KEY_ID": key}, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    until(lambda: len(looks(world, key)) > 1, 60, "the deployment is watched")
    return process


def looks(world: World, key: str) -> list[Any]:
    """Looks at the tasks in the bed's call log that were signed with this access key."""
    calls = world.checkout.admin("GET", "/_bed/calls")["log"]
    return [each for each in calls if (each["operation"], each["access_key"]) == ("DescribeTasks", key)]


def interruptions(world: World) -> int:
    """How often the open release's record says that it was interrupted."""
    records = sorted((world.checkout.path / ".state/signals").rglob("releases/*.json"))
    return records[-1].read_text(encoding="utf-8").count('"interrupted"')


@pytest.mark.parametrize("way", [0, 1], ids=["in process", "as a module"])
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 99), (signal.SIGTERM, -signal.SIGTERM)])
def test_a_signal_is_noted_in_the_record(
    worlds: tuple[World, World], way: int, number: signal.Signals, status: int
) -> None:
    world = worlds[way]
    process = waiting(world)
    before = interruptions(world)
    process.send_signal(number)
    text, _ = process.communicate(timeout=30)
    assert process.returncode == status, text
    until(lambda: interruptions(world) == before + 1, 10, "the interruption is noted, once")
    if world.in_process:
        assert "if this is interrupted: the same command again resumes it" in text
