# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Providers that give no credentials, in each way that a task meets: at its first client, or in the midst of a wait.

What a provider printed is in nobody's sight afterwards, and the run is one that was cut off (case C78).
"""

from __future__ import annotations

import io
import json
import logging
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import botocore.credentials
import pytest
from ansible_collections.steady.ecs.plugins.module_utils.edges import aws, reads
from ansible_collections.steady.ecs.plugins.module_utils.rules import conclusion
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure, Task, perform

from tests.edges.issuing import Keys, asked, expire, moment, shared_file, task
from tests.testbed.beds import Bed

CANARY = "canary-5e0d-secret"


def nowhere(**params: Any) -> Task:
    """A task whose calls nobody would answer: none of them gets so far."""
    options = {"region": "us-east-1", "endpoint_url": "http://127.0.0.1:9", "validate_certs": True, **params}
    return Task(params=options, connection=aws.Connection(options))


def helper(home: Path, script: str) -> None:
    """The profile's credentials are what this script prints."""
    path = home / "helper.sh"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(stat.S_IRWXU)
    (home / "config").write_text(f"[default]\ncredential_process = {path}\n")


def missing_helper(home: Path, _set: Callable[[str, str], None]) -> None:
    (home / "config").write_text(f"[default]\ncredential_process = {home}/gone\n")


def half_written(home: Path, _set: Callable[[str, str], None]) -> None:
    (home / "credentials").write_text(f"[default]\naws_access_key_id = AKIA{CANARY}\n")


def missing_token(home: Path, set_variable: Callable[[str, str], None]) -> None:
    set_variable("AWS_WEB_IDENTITY_TOKEN_FILE", str(home / "gone"))
    set_variable("AWS_ROLE_ARN", "arn:aws:iam::000000000000:role/deployer")


def code_for_mfa(home: Path, _set: Callable[[str, str], None]) -> None:
    (home / "credentials").write_text(f"[base]\naws_access_key_id = AKIA\naws_secret_access_key = {CANARY}\n")
    (home / "config").write_text(
        "[default]\nrole_arn = arn:aws:iam::000000000000:role/deployer\nsource_profile = base\n"
        "mfa_serial = arn:aws:iam::000000000000:mfa/ada\n"
    )


PRINTED = {
    "a helper that fails": f"echo 'login failed: password={CANARY}' >&2; exit 1",
    "a helper that prints nothing": f"echo {CANARY} >&2",
    "a helper that prints other JSON": f"echo '[\"{CANARY}\"]'",
    "a helper that leaves out a key": f'echo \'{{"Version": 1, "AccessKeyId": "{CANARY}"}}\'',
}
FOUND = [missing_helper, half_written, missing_token, code_for_mfa]


@pytest.mark.filterwarnings("ignore::getpass.GetPassWarning")
@pytest.mark.parametrize("what", [*PRINTED, *FOUND], ids=lambda what: what if isinstance(what, str) else what.__name__)
def test_c78_a_task_that_gets_no_credentials_is_cut_off_and_quotes_nobody(
    home: Path, monkeypatch: pytest.MonkeyPatch, what: Any
) -> None:
    if isinstance(what, str):
        helper(home, PRINTED[what])
    else:
        what(home, monkeypatch.setenv)
    monkeypatch.setattr("sys.stdin", io.StringIO())  # as of a worker of Ansible, which has no terminal
    found = perform(nowhere(), lambda given: {"names": reads.cluster_names(given)})
    assert found["reason"] == "no_credentials", found
    assert "Log in again, or correct the profile" in found["msg"]
    assert CANARY not in json.dumps(found)
    assert conclusion.is_cut_off(found)


def test_a_session_of_aws_login_that_the_sdk_cannot_read_says_what_to_install(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(botocore.credentials, "EC", None)  # as without the extra, whether or not it is here
    (home / "config").write_text("[default]\nlogin_session = arn:aws:iam::000000000000:user/ada\n")
    found = perform(nowhere(), lambda given: {"names": reads.cluster_names(given)})
    assert found["reason"] == "no_credentials"
    assert "pip install 'botocore[crt]'" in found["msg"]
    assert conclusion.is_cut_off(found)


@pytest.fixture
def log_path() -> Iterator[io.StringIO]:
    """What Ansible's ``log_path`` gets: it is a handler of the root logger, in the process that the task runs in."""
    text, root = io.StringIO(), logging.getLogger()
    handler, level = logging.StreamHandler(text), root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield text
    root.removeHandler(handler)
    root.setLevel(level)


def test_what_a_helper_prints_in_a_wait_is_not_logged_either(
    home: Path, log_path: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The SDK logs a refresh that failed with its whole text."""
    monkeypatch.setattr(logging.getLogger("botocore"), "propagate", True)
    monkeypatch.setattr(aws, "_fresh", [])
    told = {"Version": 1, "AccessKeyId": "ASIA", "SecretAccessKey": "x", "SessionToken": "t", "Expiration": moment(60)}
    (home / "issued").write_text(json.dumps(told))
    helper(home, f"cat {home}/issued || {{ echo password={CANARY} >&2; exit 1; }}")
    waiting = nowhere()
    aws.reading(waiting, "ecs")
    (home / "issued").unlink()
    with pytest.raises(Failure) as found:
        reads.cluster_names(waiting)
    assert found.value.fields["reason"] == "no_credentials"
    logging.getLogger("steady").info("the log is written")
    assert "the log is written" in log_path.getvalue()
    assert CANARY not in log_path.getvalue()


def test_credentials_of_another_account_that_somebody_took_in_a_wait_write_nothing(
    bed: Bed, keys: Keys, home: Path
) -> None:
    renewed = shared_file(home, keys)
    waiting = task(bed)
    client = aws.writing(waiting, "ecs")

    def another() -> None:
        raise Failure("The credentials belong to another account.", reason="wrong_account")

    waiting.connection.at_renewal = another
    renewed()
    expire(bed, "ASIAKEY000000001")
    with pytest.raises(Failure, match="another account"):
        client.create_cluster(clusterName="never")
    assert asked(bed, "CreateCluster") == [("ASIAKEY000000001", "ExpiredTokenException")]


@pytest.mark.parametrize("operation", sorted(aws.IDENTIFYING))
def test_a_role_that_may_not_be_assumed_cuts_off_as_well(operation: str) -> None:
    """Its refusal is an answer to no call of ours, and none can be made."""
    error = aws.ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, operation)
    with pytest.raises(Failure) as found, aws.translated("Listing clusters (ecs:ListClusters)"):
        raise error
    assert conclusion.is_cut_off(found.value.fields)
    with pytest.raises(Failure) as other, aws.translated("Listing clusters (ecs:ListClusters)"):
        raise aws.ClientError(error.response, "ListClusters")
    assert not conclusion.is_cut_off(other.value.fields)
