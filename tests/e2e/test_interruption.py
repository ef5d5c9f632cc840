"""A run that is cancelled: what it leaves behind, what the next one does, and who is kept out meanwhile."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from testbed.production import SECURITY_GROUP, SUBNETS
from tests.e2e.conftest import CLUSTER, Checkout, until

NOBODY_ANSWERS = {"health_endpoints": [], "health_task_identity": {}, "health_containers": []}
"""The tasks of a bed without an engine have no processes."""


def heads(checkout: Checkout) -> dict[str, Any]:
    """The head of each service in the local store."""
    folder = checkout.path / ".state/releases"
    return {path.parent.name: yaml.safe_load(path.read_text()) for path in folder.rglob("head.json")}


def records_of(checkout: Checkout, service: str) -> list[dict[str, Any]]:
    """The records of one service, oldest first."""
    return [each for each in checkout.records() if each["target"]["service"] == service]


def read_until(process: subprocess.Popen[str], words: str) -> str:
    """What a command prints up to the first line with these words, which it must print."""
    assert process.stdout is not None
    seen = ""
    for line in process.stdout:
        seen += line
        if words in line:
            return seen
    raise AssertionError(f"{words!r} was never said:\n{seen}")


@pytest.mark.walk
@pytest.mark.parametrize(
    "signals",
    [
        pytest.param([signal.SIGINT], id="ctrl-c"),
        pytest.param([signal.SIGINT, signal.SIGINT], id="ctrl-c twice", marks=pytest.mark.walk),
        pytest.param([signal.SIGTERM], id="SIGTERM", marks=pytest.mark.walk),
    ],
)
def test_c80_cancel_ends_the_wait_gives_the_lease_back_and_says_how_to_go_on(
    production: Checkout, signals: list[signal.Signals]
) -> None:
    slowly = ["-e", "rollout_stable_seconds=60"]
    process = production.start("./steady", "play", "deploy.yml", *slowly)
    seen = read_until(process, "to stop it and go back: ")
    assert "if this is interrupted: the same command again resumes it" in seen
    deployment = production.service()["deployments"][0]["id"]
    for number in signals:
        process.send_signal(number)
    assert process.stdout is not None
    rest = process.stdout.read()
    assert process.wait(60) == 7, seen + rest
    assert "steady: interrupted. The same command again resumes it" in rest
    # ansible-playbook dies of SIGTERM at once, and its worker a moment later, when it has noted it.
    until(lambda: production.records()[-1]["log"][-1]["state"] == "interrupted", 30, "the interruption is noted")
    record, head = production.records()[-1], next(iter(heads(production).values()))
    assert (record["state"], record["steps"]["deployment"]) == ("verifying", deployment)
    assert (head["lease"], head["open"]) == (None, record["seq"])
    assert production.revision() == "pardon-simulator:75", "nobody goes back in a signal handler"

    resumed = production.run("./steady", "play", "deploy.yml")
    assert resumed.status == 0, resumed.text
    assert "waiting" not in resumed.text.split("outcome:")[0], "the lease is free"
    assert [each["state"] for each in production.records()] == ["succeeded", "succeeded"]
    assert production.service()["deployments"][0]["id"] == deployment, "no second one is begun"


def service(checkout: Checkout, name: str) -> None:
    """A service that runs version 1 of what it shares with the other."""
    ecs = checkout.client("ecs")
    container = {"name": "app", "image": "example.com/app:1", "essential": True}
    ecs.register_task_definition(
        family=name, networkMode="awsvpc", requiresCompatibilities=["FARGATE"], cpu="256", memory="512",
        containerDefinitions=[container],
    )  # fmt: skip
    network = {"awsvpcConfiguration": {"subnets": SUBNETS, "securityGroups": [SECURITY_GROUP]}}
    ecs.create_service(
        cluster=CLUSTER, serviceName=name, taskDefinition=name, desiredCount=1, launchType="FARGATE",
        networkConfiguration=network,
    )  # fmt: skip


def two_services(checkout: Checkout) -> None:
    """An inventory of two services that are to get one image."""
    inventory = checkout.path / "inventories/local"
    (inventory / "hosts.yml").write_text("all: {hosts: {admin: , api: }}\n")
    (inventory / "host_vars/pardon-production-service.yml").unlink()
    for name in ("admin", "api"):
        service(checkout, name)
        declared = {
            "service_cluster": CLUSTER,
            "service_name": name,
            "rollout_images": {"app": "example.com/app:2"},
            "rollout_stable_seconds": 1,
            "release_why": "version 2 for both",
            **NOBODY_ANSWERS,
        }
        (inventory / f"host_vars/{name}.yml").write_text(yaml.safe_dump(declared))


def image_of(checkout: Checkout, name: str) -> str:
    ecs = checkout.client("ecs")
    live = ecs.describe_services(cluster=CLUSTER, services=[name])["services"][0]["taskDefinition"]
    content = ecs.describe_task_definition(taskDefinition=live)["taskDefinition"]["containerDefinitions"]
    return str(content[0]["image"])


@pytest.mark.long
def test_c82_cancelled_between_two_services(checkout: Checkout, tmp_path: Path) -> None:
    checkout.prepare("--engine", "none")
    two_services(checkout)
    both = ["./steady", "play", "deploy.yml", "-e", "deploy_many=true", "--forks", "1"]
    slow = checkout.path / "inventories/local/host_vars/api.yml"
    declared = slow.read_text()
    slow.write_text(declared.replace("rollout_stable_seconds: 1", "rollout_stable_seconds: 600"))
    process = checkout.start(*both)
    seen = read_until(process, "api: 0:")
    try:
        assert "admin: 1 of 2 services done: admin" in seen
        other = checkout.run(
            "./steady", "play", "deploy.yml", "--limit", "api", "-e", "release_wait_seconds=0", "-e", "release_why=mine"
        )
        assert other.status == 5, other.text
        for words in ("outcome: held: Another run is at work on ", "version 2 for both", "Nothing was changed"):
            assert words in other.text
    finally:
        process.send_signal(signal.SIGINT)
        assert process.stdout is not None
        rest = process.stdout.read()
    assert process.wait(60) == 7, seen + rest
    until(lambda: heads(checkout)["api"]["lease"] is None, 30, "the lease is given back")
    assert heads(checkout)["admin"]["open"] is None

    slow.write_text(declared)
    again = checkout.run(*both)
    assert again.status == 0, again.text
    assert "admin: outcome: unchanged" in again.text and "api: outcome: proven" in again.text
    assert "2 of 2 services done" in again.text
    assert {image_of(checkout, name) for name in ("admin", "api")} == {"example.com/app:2"}
    for name in ("admin", "api"):
        kept = [(each["kind"], each["state"]) for each in records_of(checkout, name)]
        assert kept == [("baseline", "succeeded"), ("deploy", "succeeded")], "neither is released twice"
