# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is known beforehand of credentials that will end, and what is said of a clock that is wrong, on the bed."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.edges import aws, reads
from ansible_collections.steady.ecs.plugins.module_utils.rules import preflight
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure, Task

from tests.edges.issuing import Keys, asked, moment, process, shared_file, task
from tests.testbed.beds import Bed

# -- how long they last


@pytest.mark.parametrize("name", ["aws_expiration", "x_security_token_expires"])
def test_what_is_left_of_a_session_in_a_file(bed: Bed, keys: Keys, home: Path, name: str) -> None:
    shared_file(home, keys)
    with (home / "credentials").open("a") as file:
        file.write(f"\n{name} = {moment(600)}\n")
    left = aws.seconds_left(task(bed))
    assert left is not None
    assert 500 < left <= 600


def test_what_is_left_of_a_session_that_a_role_is_assumed_with(bed: Bed, keys: Keys, home: Path) -> None:
    """The role's own session is renewed, as long as the source profile's lasts."""
    shared_file(home, keys, "base")
    role = "[profile deployer]\nrole_arn = arn:aws:iam::000000000000:role/deployer\nsource_profile = base\n"
    (home / "config").write_text(role)
    assert aws.seconds_left(task(bed, profile="deployer")) is None
    with (home / "credentials").open("a") as file:
        file.write(f"\naws_expiration = {moment(600)}\n")
    aws._sessions.clear()  # as the next task, which is another process
    left = aws.seconds_left(task(bed, profile="deployer"))
    assert left is not None and 500 < left <= 600


def test_what_is_left_of_a_session_in_the_environment(bed: Bed, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ASIAENVIRONMENT")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    assert aws.seconds_left(task(bed)) is None
    monkeypatch.setenv("AWS_CREDENTIAL_EXPIRATION", moment(600))
    left = aws.seconds_left(task(bed))
    assert left is not None
    assert 500 < left <= 600


def test_c79_a_session_in_the_environment_that_is_over_is_said_to_be(
    bed: Bed, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """botocore's own word for it is a RuntimeError."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ASIAENVIRONMENT")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    monkeypatch.setenv("AWS_CREDENTIAL_EXPIRATION", moment(-60))
    with pytest.raises(Failure, match="have expired. Log in again"):
        reads.cluster_names(task(bed))
    assert asked(bed) == []


def test_of_a_provider_that_renews_by_itself_nothing_is_said(bed: Bed, keys: Keys, home: Path) -> None:
    process(home, keys)
    assert aws.seconds_left(task(bed)) is None


# -- a clock that is wrong


@pytest.mark.parametrize(("ahead", "words"), [(720, "12 min behind AWS's"), (-720, "12 min ahead of AWS's")])
def test_a_wrong_clock_is_said_with_how_wrong_it_is_and_nothing_is_written(
    bed: Bed, keys: Keys, home: Path, ahead: float, words: str
) -> None:
    shared_file(home, keys)
    bed.admin("PUT", "/_bed/clock", {"ahead": ahead})
    for ask in (
        lambda: reads.caller_identity(task(bed)),
        lambda: reads.target_groups(task(bed), ["arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/a/1"]),
        lambda: made(task(bed)),
    ):
        with pytest.raises(Failure) as found:
            ask()
        assert (found.value.fields["reason"], words in found.value.msg) == ("wrong_clock", True), found.value.msg
    bed.admin("PUT", "/_bed/clock", {"ahead": 0})
    assert "never" not in reads.cluster_names(task(bed))


def made(waiting: Task) -> None:
    with aws.translated("Making a cluster (ecs:CreateCluster)"):
        aws.writing(waiting, "ecs").create_cluster(clusterName="never")


@pytest.mark.parametrize(("left", "said"), [(None, False), (1800, False), (1799, True), (-5, True)])
def test_c78_a_session_that_ends_before_the_wait_is_said_beforehand(left: float | None, said: bool) -> None:
    assert bool(preflight.session(left, 1800)) is said
