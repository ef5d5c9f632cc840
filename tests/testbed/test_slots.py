"""Starting, stopping and finding a bed, whatever happened to it before. Asserted on processes, sockets and files."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from testbed.slots import start_ticks
from tests.testbed.beds import PYTHON, ROOT, Bed, World, command, until


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "state"
    yield folder
    command("stop", "--state", folder)


def started(state: Path, *options: str) -> dict[str, Any]:
    done = command("start", "--state", state, "--scale", "0.05", *options)
    assert done.returncode == 0, done.stderr
    return record(state)


def record(state: Path) -> dict[str, Any]:
    return dict(json.loads((state / "bed.json").read_text()))


def listens(endpoint: str) -> bool:
    host, port = endpoint.removeprefix("http://").split(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


def processes_with(file: str, text: str) -> list[int]:
    """Processes whose /proc file ("environ", "cmdline") holds the text."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                content = (entry / file).read_bytes()
            except OSError:
                continue
            if text.encode() in content:
                found.append(int(entry.name))
    return found


def tasks_of(state: Path) -> list[int]:
    """Processes that a bed of this state folder started."""
    return processes_with("environ", f"SHARED_FOLDER={state}/bed/shared\0")


def serving(state: Path) -> tuple[dict[str, Any], World]:
    """A bed with a service of two tasks behind a load balancer. A grace period, for a machine that stalls fails checks,
    and ECS starts a third task for one that failed them."""
    bed = started(state)
    world = World(Bed(bed["endpoint"]))
    definition = world.register()
    world.create(definition, desiredCount=2, healthCheckGracePeriodSeconds=600)
    world.completed(definition)
    assert len(tasks_of(state)) == 2
    return bed, world


def nothing_is_left(state: Path) -> bool:
    """No server, no task, no file. Sockets go with their processes; another worker's bed may take the slot at once."""
    return not processes_with("cmdline", f"\0{state}\0") and not tasks_of(state) and not list(state.iterdir())


def test_start_answers_and_leaves_a_record(state: Path) -> None:
    bed = started(state)
    assert listens(bed["endpoint"])
    assert bed["started"] == start_ticks(bed["pid"])
    assert (bed["scale"], bed["engine"], bed["url"]) == (0.05, "processes", None)
    assert (bed["region"], bed["account"]) == ("us-east-1", "000000000000")
    status = command("status", "--state", state)
    assert status.returncode == 0
    assert bed["endpoint"] in status.stdout


def test_a_second_start_says_that_a_bed_answers(state: Path) -> None:
    first = started(state)
    again = command("start", "--state", state)
    assert again.returncode == 0
    assert f"already answers at {first['endpoint']}" in again.stdout
    assert record(state) == first


@pytest.mark.walk
def test_two_state_folders_have_two_beds(state: Path, tmp_path: Path) -> None:
    one, other = started(state), started(tmp_path / "other")
    try:
        assert one["endpoint"] != other["endpoint"]
        assert one["net"] != other["net"]
        assert other["endpoint"].endswith(":4566")
    finally:
        command("stop", "--state", tmp_path / "other")
    assert listens(one["endpoint"])


def test_starts_at_the_same_time_make_one_bed(state: Path) -> None:
    done: list[int] = []
    threads = [
        threading.Thread(target=lambda: done.append(command("start", "--state", state).returncode)) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done == [0, 0, 0]
    pid = record(state)["pid"]
    assert processes_with("cmdline", f"serve\0--state\0{state}\0") == [pid]


def test_stop_leaves_nothing(state: Path) -> None:
    _, world = serving(state)
    assert listens(world.url.rstrip("/"))
    assert command("stop", "--state", state).returncode == 0
    assert nothing_is_left(state)
    assert command("status", "--state", state).returncode == 3


def test_stop_after_a_kill_leaves_nothing(state: Path) -> None:
    bed, _ = serving(state)
    os.kill(bed["pid"], signal.SIGKILL)
    until(lambda: not tasks_of(state), 30)  # the kernel ends the tasks with their bed
    assert command("status", "--state", state).returncode == 3
    assert command("stop", "--state", state).returncode == 0
    assert nothing_is_left(state)


@pytest.mark.walk
def test_start_after_a_kill(state: Path) -> None:
    first = started(state)
    (state / "bed" / "shared" / "left.sqlite").write_text("from before")
    os.kill(first["pid"], signal.SIGKILL)
    second = started(state)
    assert second["pid"] != first["pid"]
    assert listens(second["endpoint"])
    assert not (state / "bed" / "shared" / "left.sqlite").exists()


@pytest.mark.walk
def test_a_bed_that_hangs_is_stopped(state: Path) -> None:
    bed, _ = serving(state)
    os.kill(bed["pid"], signal.SIGSTOP)
    assert command("stop", "--state", state).returncode == 0
    until(lambda: nothing_is_left(state), 30)


def test_sigterm_alone_cleans_up(state: Path) -> None:
    bed, _ = serving(state)
    os.kill(bed["pid"], signal.SIGTERM)
    until(lambda: start_ticks(bed["pid"]) is None, 30)
    assert nothing_is_left(state)


@pytest.mark.walk
def test_a_bed_whose_folder_was_deleted_ends(state: Path) -> None:
    bed, _ = serving(state)
    shutil.rmtree(state)
    until(lambda: start_ticks(bed["pid"]) is None, 30)
    assert not tasks_of(state)


def test_a_process_that_got_the_beds_number_is_left_alone(state: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stranger:
        state.mkdir()
        given = {"endpoint": "http://127.0.0.1:9", "net": "127.20", "scale": 1, "engine": "none"}
        (state / "bed.json").write_text(json.dumps({**given, "pid": stranger.pid, "started": 1}))
        assert command("status", "--state", state).returncode == 3
        assert command("stop", "--state", state).returncode == 0
        assert stranger.poll() is None
        assert list(state.iterdir()) == []
        stranger.communicate(b"\n")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": "x"}'])
def test_a_broken_record_is_no_bed(state: Path, text: str) -> None:
    state.mkdir()
    (state / "bed.json").write_text(text)
    assert command("status", "--state", state).returncode == 3
    assert started(state)["pid"]


def test_stop_without_a_bed(state: Path) -> None:
    done = command("stop", "--state", state)
    assert (done.returncode, done.stdout) == (0, "no bed runs\n")
    assert not state.exists()


def test_another_system_is_refused_in_one_sentence() -> None:
    code = "import sys; from testbed.__main__ import main; sys.platform = 'darwin'; sys.exit(main())"
    done = subprocess.run([PYTHON, "-c", code, "status"], cwd=ROOT, capture_output=True, text=True, timeout=30)
    assert done.returncode == 1
    assert done.stderr == "the test bed runs on Linux only: it needs all of 127.0.0.0/8\n"


def test_without_setpriv_start_says_so(state: Path) -> None:
    environment = {"PATH": "/nonexistent", "HOME": str(state.parent)}
    line = [str(PYTHON), "-m", "testbed", "start", "--state", str(state)]
    done = subprocess.run(line, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.strip() == "the test bed needs the command setpriv (package util-linux)"


def test_the_first_questions_may_be_for_moto(state: Path) -> None:
    """It is loaded after the start: whoever comes earlier, and however many, wait for it and are answered."""
    bed = Bed(started(state)["endpoint"])
    storage, names = bed.client("s3"), [f"first-{number}" for number in range(8)]
    with ThreadPoolExecutor(len(names)) as pool:
        list(pool.map(lambda name: storage.create_bucket(Bucket=name), names))
    assert sorted(found["Name"] for found in storage.list_buckets()["Buckets"]) == names
