# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Credentials that expire while a task waits, from each provider there is (cases C78 C79), on the bed.

The bed refuses an access key that a test gives up, as AWS refuses one that has expired, and knows who asked.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.edges import (
    aws,
    credentials,
    following,
    reads,
    transport,
    waits,
)
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure, perform
from ansible_collections.steady.ecs.plugins.modules import deployment

from tests.edges.issuing import HOUR, Keys, Renew, asked, expire, shared_file, task
from tests.edges.providers import MACHINES, Server
from tests.testbed.beds import Bed, World

ROLE = "arn:aws:iam::000000000000:role/deployer"


def test_c78_credentials_that_were_renewed_outside_are_taken_when_the_old_ones_expire(
    bed: Bed, keys: Keys, renew: Renew
) -> None:
    waiting = task(bed)
    reads.cluster_names(waiting)
    first = keys.key
    renew()
    expire(bed, first)
    reads.cluster_names(waiting)
    reads.cluster_names(waiting)
    assert asked(bed) == [(first, "ExpiredTokenException"), (keys.key, None), (keys.key, None)]


def test_c79_expired_credentials_that_nobody_renewed_end_it_at_once(bed: Bed, keys: Keys, renew: Renew) -> None:
    """Asked once with what there was and once with what there is now; no third time, and no minutes."""
    waiting = task(bed)
    expire(bed, keys.key)
    with pytest.raises(Failure) as found:
        reads.cluster_names(waiting)
    assert found.value.fields["reason"] == "expired_credentials"
    assert not waits.passing(found.value)
    assert asked(bed) == [(keys.key, "ExpiredTokenException")] * 2


def test_c78_fails_on_a_tool_that_keeps_what_it_was_given(
    bed: Bed, keys: Keys, renew: Renew, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(credentials.Renewable, "renew", lambda _found: None)
    with pytest.raises(Failure, match="have expired"):
        test_c78_credentials_that_were_renewed_outside_are_taken_when_the_old_ones_expire(bed, keys, renew)


def test_c79_fails_on_a_tool_that_takes_it_for_a_passing_error(
    bed: Bed, keys: Keys, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(_hooks: Any, attempts: int, response: Any, **_more: Any) -> int | None:
        return 0 if response and response[1].get("Error") and attempts < 5 else None

    renewed = shared_file(home, keys)
    monkeypatch.setattr(transport.Transport, "needs_retry", wrong)
    with pytest.raises(AssertionError, match="ExpiredTokenException"):
        test_c79_expired_credentials_that_nobody_renewed_end_it_at_once(bed, keys, renewed)


def test_a_write_that_was_refused_for_expired_credentials_is_carried_out_once(bed: Bed, keys: Keys, home: Path) -> None:
    renewed = shared_file(home, keys)
    waiting = task(bed)
    client = aws.writing(waiting, "ecs")
    renewed()
    expire(bed, "ASIAKEY000000001")
    client.create_cluster(clusterName="made-once")
    assert asked(bed, "CreateCluster") == [("ASIAKEY000000001", "ExpiredTokenException"), (keys.key, None)]


def test_c79_the_environment_of_a_process_is_not_renewed(bed: Bed, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ASIAENVIRONMENT")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "t")
    waiting = task(bed)
    reads.cluster_names(waiting)
    expire(bed, "ASIAENVIRONMENT")
    with pytest.raises(Failure, match="have expired. Log in again"):
        reads.cluster_names(waiting)
    assert len(asked(bed)) == 2


def test_c79_keys_that_a_task_was_given_are_not_renewed(bed: Bed, home: Path) -> None:
    waiting = task(bed, access_key="ASIAGIVEN", secret_key="x", session_token="t")
    expire(bed, "ASIAGIVEN")
    with pytest.raises(Failure, match="have expired. Log in again"):
        reads.cluster_names(waiting)
    assert len(asked(bed)) == 1


# -- roles, by the bed's STS


def assumed(bed: Bed, operation: str) -> int:
    return len([key for key, error in asked(bed, operation) if error is None])


def role_profile(home: Path, seconds: int = HOUR) -> None:
    lines = ["[profile deployer]", f"role_arn = {ROLE}", "source_profile = base", f"duration_seconds = {seconds}"]
    (home / "config").write_text("\n".join(lines))


def test_c78_a_short_session_of_a_role_is_renewed_before_its_end(
    bed: Bed, keys: Keys, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The SDK assumes the role anew in the last 15 minutes, which a session of 900 s, the shortest, is in at once."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", bed.endpoint)
    shared_file(home, keys, "base")
    role_profile(home, seconds=900)
    waiting = task(bed, profile="deployer")
    reads.cluster_names(waiting)
    reads.cluster_names(waiting)
    (first, _), (second, _) = asked(bed)
    assert first != second


def test_c78_a_role_is_assumed_anew_when_its_session_ends(
    bed: Bed, keys: Keys, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", bed.endpoint)
    shared_file(home, keys, "base")
    role_profile(home)
    waiting = task(bed, profile="deployer")
    reads.cluster_names(waiting)
    ((session, _error),) = asked(bed)
    assert session != keys.key
    expire(bed, session)
    reads.cluster_names(waiting)
    assert assumed(bed, "AssumeRole") == 1
    assert [error for _key, error in asked(bed)] == ["ExpiredTokenException", None]


def test_c78_a_role_is_assumed_from_the_source_profile_as_it_is_now(
    bed: Bed, keys: Keys, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The role's session and the credentials it was assumed with have both expired; the latter were renewed."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", bed.endpoint)
    renewed = shared_file(home, keys, "base")
    role_profile(home)
    waiting = task(bed, profile="deployer")
    reads.cluster_names(waiting)
    ((session, _error),) = asked(bed)
    first = keys.key
    renewed()
    expire(bed, session, first)
    reads.cluster_names(waiting)
    assert asked(bed, "AssumeRole") == [(keys.key, None)]


@pytest.mark.parametrize(("source", "machine"), [("EcsContainer", "container"), ("Ec2InstanceMetadata", "instance")])
def test_c78_a_role_is_assumed_with_what_the_machine_tells_now(
    bed: Bed, keys: Keys, home: Path, monkeypatch: pytest.MonkeyPatch, server: Server, source: str, machine: str
) -> None:
    """A profile with ``credential_source``; the role's session and what it was assumed with have both expired."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", bed.endpoint)
    MACHINES[machine](keys, monkeypatch, server)
    (home / "config").write_text(f"[profile deployer]\nrole_arn = {ROLE}\ncredential_source = {source}\n")
    waiting = task(bed, profile="deployer")
    reads.cluster_names(waiting)
    ((session, _error),) = asked(bed)
    first = keys.key
    assert asked(bed, "AssumeRole") == [(first, None)]
    keys.renew()
    expire(bed, session, first)
    reads.cluster_names(waiting)
    assert asked(bed, "AssumeRole") == [(keys.key, None)]
    assert [error for _key, error in asked(bed)] == ["ExpiredTokenException", None]


def test_c78_a_role_is_assumed_anew_with_the_keys_of_the_environment(
    bed: Bed, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", bed.endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAENVIRONMENT")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    (home / "config").write_text(f"[profile deployer]\nrole_arn = {ROLE}\ncredential_source = Environment\n")
    waiting = task(bed, profile="deployer")
    reads.cluster_names(waiting)
    ((session, _error),) = asked(bed)
    expire(bed, session)
    reads.cluster_names(waiting)
    assert asked(bed, "AssumeRole") == [("AKIAENVIRONMENT", None)]
    assert [error for _key, error in asked(bed)] == ["ExpiredTokenException", None]


def test_c79_a_role_whose_source_has_expired_ends_it_with_these_words(
    bed: Bed, keys: Keys, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", bed.endpoint)
    shared_file(home, keys, "base")
    role_profile(home)
    waiting = task(bed, profile="deployer")
    reads.cluster_names(waiting)
    ((session, _error),) = asked(bed)
    expire(bed, session, keys.key)
    with pytest.raises(Failure) as found:
        reads.cluster_names(waiting)
    assert found.value.fields["reason"] == "expired_credentials"


def test_c78_a_web_identity_is_exchanged_anew_with_the_token_as_it_is_now(
    bed: Bed, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "token").write_text("first")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", bed.endpoint)
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(home / "token"))
    monkeypatch.setenv("AWS_ROLE_ARN", ROLE)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    waiting = task(bed)
    reads.cluster_names(waiting)
    ((session, _error),) = asked(bed)
    (home / "token").write_text("second")
    expire(bed, session)
    reads.cluster_names(waiting)
    assert [error for _key, error in asked(bed)] == ["ExpiredTokenException", None]


# -- in the middle of a wait


class Expiring(waits.SystemClock):
    """The machine's clock; during the first sleep of the wait something happens."""

    def __init__(self, what: Callable[[], None]) -> None:
        self.what: list[Callable[[], None]] = [what]

    def sleep(self, seconds: float) -> None:
        while self.what:
            self.what.pop()()
        super().sleep(min(seconds, 0.05))


def rolled(world: World, monkeypatch: pytest.MonkeyPatch, what: Callable[[], None]) -> dict[str, Any]:
    """Deploy a new revision with credentials from the file, and let something happen in the wait: none of its tasks is
    healthy before it, so that the first look is never the last, however slow the machine is."""
    wanted = world.register("v2")
    revision = wanted.rpartition("/")[2]
    world.update(healthCheckGracePeriodSeconds=100000)
    world.bed.admin("PUT", "/_bed/health", {revision: "unhealthy"})

    def what_is_seen() -> None:
        what()
        world.bed.admin("PUT", "/_bed/health", {revision: "healthy"})

    monkeypatch.setattr(waits, "clock", Expiring(what_is_seen))
    options = {
        "cluster": world.name, "service": "web", "task_definition": wanted, "wait_delay": 1, "stable_seconds": 0,
    }  # fmt: skip
    specified = {name: option.get("default") for name, option in deployment.SPEC.options.items()}
    waiting = task(world.bed, **{**specified, **options})
    return perform(waiting, deployment.run)


def test_c78_the_wait_goes_on_with_credentials_that_were_renewed_in_it(
    world: World, keys: Keys, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    renewed = shared_file(home, keys)

    def both() -> None:
        renewed()
        expire(world.bed, "ASIAKEY000000001")

    assert rolled(world, monkeypatch, both)["verdict"] == "succeeded"


def test_c78_fails_on_a_wait_that_keeps_what_it_was_given(
    world: World, keys: Keys, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(credentials.Renewable, "renew", lambda _found: None)
    with pytest.raises(AssertionError, match="unknown"):
        test_c78_the_wait_goes_on_with_credentials_that_were_renewed_in_it(world, keys, home, monkeypatch)


def test_c78_without_renewal_the_wait_stops_and_says_that_the_deployment_goes_on(
    world: World, keys: Keys, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared_file(home, keys)
    found = rolled(world, monkeypatch, lambda: expire(world.bed, keys.key))
    assert (found["failed"], found["reason"], found["verdict"]) == (True, "expired_credentials", "unknown")
    assert f"Deployment {found['deployment_id']} goes on; resume with the same command." in found["msg"]
    assert asked(world.bed, "DescribeServices")[:2] == [(keys.key, "ExpiredTokenException")] * 2
    world.bed.admin("PUT", "/_bed/faults", [])
    world.completed(found["task_definition_arn"])


def test_c78_fails_on_a_tool_that_calls_the_deployment_failed(
    world: World, keys: Keys, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(*_asked: Any) -> None:
        raise Failure("ExpiredTokenException.", reason="expired_credentials", verdict="failed")

    monkeypatch.setattr(following, "follow", wrong)
    with pytest.raises(AssertionError, match="unknown"):
        test_c78_without_renewal_the_wait_stops_and_says_that_the_deployment_goes_on(world, keys, home, monkeypatch)
