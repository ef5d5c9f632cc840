"""One whole release and the way back on the lane's ansible-core, in process and with the runner switched off."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.e2e.conftest import Checkout, copied
from tests.lanes.conftest import LANE, World


def played(world: World, *arguments: str) -> tuple[int, str]:
    """ansible-playbook of the lane in the checkout's folder: exit status and all that it printed."""
    done = subprocess.run(
        [str(LANE / "ansible-playbook"), *arguments],
        cwd=world.checkout.path, env=world.environment(), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout


@pytest.fixture(params=[True, False], ids=["in process", "runner off"])
def production(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    """The production service on a bed of its own."""
    checkout: Checkout = copied(tmp_path / "steady")
    checkout.prepare()
    request.addfinalizer(lambda: checkout.run("./steady", "bed", "stop"))
    return World(checkout, request.param)


def test_deploy_and_rollback(production: World) -> None:
    status, text = played(production, "deploy.yml")
    assert status == 0, text
    assert production.checkout.revision() == "pardon-simulator:75"
    assert production.checkout.stickiness() == "86400"
    assert ("watching deployment" in text) is production.in_process, "only the runner shows progress while it waits"
    status, text = played(production, "deploy.yml")
    assert (status, "changed=0" in text) == (0, True), text
    status, text = played(production, "rollback.yml")
    assert status == 0, text
    assert production.checkout.revision() == "pardon-simulator:74"
    assert production.checkout.stickiness() == "3600"


def test_a_newer_core_falls_back_to_modules_with_one_line(worlds: tuple[World, World]) -> None:
    world = worlds[0]
    runner = world.checkout.path / "plugins/plugin_utils/controller.py"
    before = runner.read_text(encoding="utf-8")
    runner.write_text(before.replace("NEWEST_TESTED_CORE = (2, 21)", "NEWEST_TESTED_CORE = (2, 18)"), encoding="utf-8")
    try:
        task = {"steady.ecs.release_outcome": {}, "loop": [1, 2, 3]}
        status, text = world.play(
            [{"hosts": "all", "connection": "local", "gather_facts": False, "tasks": [task, task]}],
            "-e", "ansible_python_interpreter={{ansible_playbook_python}}",
        )  # fmt: skip
    finally:
        runner.write_text(before, encoding="utf-8")
    assert status == 0, text
    assert " ".join(text.split()).count("steady.ecs runs as ordinary modules, without live progress") == 1, text
