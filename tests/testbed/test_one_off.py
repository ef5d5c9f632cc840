"""RunTask with overrides: a one-off task with a command and variables of its own."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.testbed.beds import NETWORK, World, until


def run(world: World, *overrides: dict[str, Any]) -> dict[str, Any]:
    answer = world.ecs.run_task(
        cluster=world.name,
        launchType="FARGATE",
        networkConfiguration=NETWORK,
        taskDefinition=world.register(),
        overrides={"containerOverrides": list(overrides)},
    )
    found: dict[str, Any] = answer["tasks"][0]
    return found


def stopped(world: World) -> dict[str, Any]:
    found: dict[str, Any] = until(lambda: [t for t in world.tasks("STOPPED") if t["lastStatus"] == "STOPPED"])[0]
    return found


def test_an_override_is_shown_and_the_command_ends(declared: World) -> None:
    wanted = {"name": "app", "command": ["python", "-c", "pass"], "environment": [{"name": "A", "value": "b"}]}
    assert run(declared, wanted)["overrides"]["containerOverrides"] == [wanted]
    found = stopped(declared)
    assert found["stopCode"] == "EssentialContainerExited"
    assert found["containers"][0]["exitCode"] == 0


def test_a_container_that_the_revision_does_not_have(declared: World) -> None:
    with pytest.raises(ClientError, match="Override for container named nobody is not a container"):
        run(declared, {"name": "nobody", "command": ["x"]})


def test_a_command_really_runs_with_its_variables(world: World) -> None:
    command = ["python", "-c", "import os, sys; sys.exit(int(os.environ['CODE']))"]
    run(world, {"name": "app", "command": command, "environment": [{"name": "CODE", "value": "7"}]})
    assert stopped(world)["containers"][0]["exitCode"] == 7
