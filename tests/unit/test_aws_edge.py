# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The edge to AWS: what its exceptions become, what is asked of whom, and that warming up asks nobody anything."""

from __future__ import annotations

import collections
import http.server
import inspect
import json
import os
import re
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.exceptions
import pytest
from ansible_collections.steady.ecs.plugins.module_utils.edges import aws
from ansible_collections.steady.ecs.plugins.module_utils.rules import refusals
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure, Task
from botocore.exceptions import BotoCoreError, ClientError

ROOT = Path(__file__).parents[2]
SECRET = "canary-7f3a-secret"
DOING = "Reading web in c1 (ecs:DescribeServices)"
EXCEPTIONS = sorted(
    (
        each
        for _name, each in inspect.getmembers(botocore.exceptions, inspect.isclass)
        if issubclass(each, BotoCoreError)
    ),
    key=lambda each: each.__name__,
)
REMEDY = re.compile(r"(Log in|Set |Check |check |Compare |Grant |start`|run the same command)")


def failure(problem: Exception) -> Failure:
    with pytest.raises(Failure) as found, aws.translated(DOING):
        raise problem
    assert found.value.__cause__ is None
    assert found.value.__suppress_context__, "a traceback would bring the SDK's own text"
    return found.value


def refusal(code: str, message: str = "no") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "DescribeServices")


# -- exceptions


@pytest.mark.parametrize("kind", EXCEPTIONS, ids=lambda each: each.__name__)
def test_every_exception_of_the_sdk_becomes_words_with_a_remedy_and_no_value(kind: type[BotoCoreError]) -> None:
    arguments = dict.fromkeys(re.findall(r"{(\w+)", kind.fmt), SECRET)
    if "endpoint_url" in arguments:
        arguments["endpoint_url"] = f"https://ada:{SECRET}@ecs.us-east-1.amazonaws.com/"
    if issubclass(kind, botocore.exceptions.WaiterError):
        arguments["last_response"] = SECRET
    found = failure(kind(**arguments))
    assert SECRET not in found.msg
    assert SECRET not in json.dumps(found.fields)
    assert REMEDY.search(found.msg), found.msg
    assert found.fields["reason"] in {"no_answer", "no_credentials", "no_endpoint", "invalid_parameters"}


def test_a_parameter_that_the_sdk_refuses_is_not_quoted() -> None:
    import boto3

    client = boto3.client("ecs", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    with pytest.raises(Failure) as found, aws.translated("Registering web"):
        client.register_task_definition(family="web", containerDefinitions=[{"environment": SECRET}])
    assert found.value.fields == {"reason": "invalid_parameters"}
    assert SECRET not in found.value.msg


def test_a_credential_process_that_printed_a_secret_is_not_quoted() -> None:
    problem = botocore.exceptions.CredentialRetrievalError(provider="custom-process", error_msg=SECRET)
    found = failure(problem)
    assert found.fields["reason"] == "no_credentials"
    assert "Log in again" in found.msg
    assert SECRET not in found.msg


@pytest.mark.parametrize(
    ("code", "reason", "remedy"),
    [
        ("ExpiredTokenException", "expired_credentials", "Log in again"),
        ("ExpiredToken", "expired_credentials", "Log in again"),
        ("InvalidClientTokenId", "rejected_credentials", "Log in again"),
        ("UnrecognizedClientException", "rejected_credentials", "service_profile"),
        ("AccessDeniedException", "access_denied", "Grant these credentials ecs:DescribeServices: docs/iam"),
        ("AccessDenied", "access_denied", "Grant these credentials ecs:DescribeServices: docs/iam"),
        ("ThrottlingException", "refused", "run the same command again in a minute"),
        ("ClusterNotFoundException", "refused", "ClusterNotFoundException: no"),
    ],
)
def test_a_refusal_of_aws_keeps_its_code_and_says_what_to_do(code: str, reason: str, remedy: str) -> None:
    found = failure(refusal(code))
    assert (found.fields["reason"], found.fields["code"]) == (reason, code)
    assert found.msg.startswith(DOING)
    assert remedy in found.msg


def test_a_refusal_names_the_action_that_aws_names_and_where_the_policies_are() -> None:
    """The call needs another right than its own, such as the one to pass a role."""
    said = "User: arn:aws:sts::111122223333:assumed-role/A:B/c is not authorized to perform: iam:PassRole on r"
    assert "Grant these credentials iam:PassRole: docs/iam has one policy" in failure(refusal("AccessDenied", said)).msg
    both = refusals.refusal("Reading tasks (ecs:ListTasks, ecs:DescribeTasks)", "AccessDenied", "no").msg
    assert "Grant these credentials ecs:ListTasks, ecs:DescribeTasks: docs/iam" in both


def test_a_text_of_aws_s_brings_no_command_to_a_terminal_or_a_ci_system() -> None:
    found = failure(refusal("ClientException", "bad\x1b[2J\x07\n::error::forged"))
    assert "\x1b" not in found.msg
    assert "\n::" not in found.msg


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://127.0.0.1:4566/path", "http://127.0.0.1:4566: `./steady bed start`"),
        (f"http://ada:{SECRET}@localhost:4566/", "http://localhost:4566: `./steady bed start`"),
        ("https://ecs.us-esat-1.amazonaws.com/", "https://ecs.us-esat-1.amazonaws.com: check the Region"),
        ("https://ecs.us-east-1.api.aws/", "https://ecs.us-east-1.api.aws: check the Region"),
    ],
)
def test_nothing_that_answers_is_said_with_what_to_start_or_correct(url: str, words: str) -> None:
    found = failure(botocore.exceptions.EndpointConnectionError(endpoint_url=url))
    assert words in found.msg
    assert SECRET not in found.msg


def test_a_failure_of_ours_and_a_defect_pass_through() -> None:
    for problem in (Failure("mine"), KeyError("mine")):
        with pytest.raises(type(problem), match="mine"), aws.translated(DOING):
            raise problem


# -- clients


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No client of another test, and no settings of the person who runs the tests."""
    monkeypatch.setattr(aws, "_sessions", {})
    monkeypatch.setattr(aws, "_fresh", [])
    for name in [each for each in os.environ if each.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def connection(**params: Any) -> aws.Connection:
    return aws.Connection({"validate_certs": True, **params})


KEYS = {"access_key": "AKIAX", "secret_key": SECRET}


@pytest.mark.usefixtures("own")
def test_a_session_made_before_the_fork_knows_nothing_of_that_time(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Who we are, where we ask and which files say so are the task's: they may change after the playbook began."""
    early = {"AWS_ACCESS_KEY_ID": "EARLY", "AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-1"}
    (tmp_path / "config").write_text("[profile late]\nregion = ap-south-1\n", encoding="utf-8")
    (tmp_path / "keys").write_text(f"[late]\naws_access_key_id = LATE\naws_secret_access_key = {SECRET}\n")
    for name, value in {**early, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_PROFILE": "gone"}.items():
        monkeypatch.setenv(name, value)
    aws.warm(("ecs",))
    for name in (*early, "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_PROFILE", "late")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "keys"))
    client = connection().client("ecs", 1)
    assert client.meta.region_name == "ap-south-1"
    assert client._request_signer._credentials.access_key == "LATE"
    assert not aws._fresh


@pytest.mark.usefixtures("own")
def test_a_client_is_made_once_for_the_same_options() -> None:
    made = connection(region="us-east-1", **KEYS)
    first = made.client("ecs", 1)
    assert made.client("ecs", 1) is first
    others = [
        connection(region="eu-west-1", **KEYS).client("ecs", 1),
        connection(region="us-east-1", **KEYS).client("ecs", 6),
        connection(region="us-east-1", **KEYS).client("sts", 1),
        connection(region="us-east-1", **{**KEYS, "access_key": "AKIAY"}).client("ecs", 1),
        connection(region="us-east-1", endpoint_url="http://127.0.0.1:9", **KEYS).client("ecs", 1),
    ]
    assert len({id(each) for each in [first, *others]}) == 6


@pytest.mark.usefixtures("own")
def test_another_environment_is_another_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """A task's ``environment:`` may name another account."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAX")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    first = connection(region="us-east-1").client("ecs", 1)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAY")
    second = connection(region="us-east-1").client("ecs", 1)
    assert [each._request_signer._credentials.access_key for each in (first, second)] == ["AKIAX", "AKIAY"]


@pytest.mark.usefixtures("own")
def test_a_write_is_sent_once_and_a_read_up_to_six_times() -> None:
    task = Task(params={}, connection=connection(region="us-east-1", **KEYS))
    attempts = [make(task, "ecs").meta.config.retries["total_max_attempts"] for make in (aws.writing, aws.reading)]
    assert attempts == [1, 6]


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize(
    ("params", "words"),
    [
        pytest.param(KEYS, "Declare service_region, or set AWS_REGION", id="no Region"),
        pytest.param({"region": "us-east-1", "profile": "ada"}, "profile", id="no such profile"),
        pytest.param({"region": "us-east-1", "profile": "ada", **KEYS}, "profile", id="profile and keys"),
        pytest.param({"region": "us-east-1", "endpoint_url": "127.0.0.1:4566", **KEYS}, "endpoint", id="no URL"),
    ],
)
def test_options_that_make_no_client_are_said(params: dict[str, str], words: str) -> None:
    with pytest.raises(Failure) as found:
        connection(**params).client("ecs", 1)
    assert words in found.value.msg
    assert SECRET not in found.value.msg


BAD_ADDRESSES = [
    f"ada:{SECRET}@localhost:4566", f"https://ada:{SECRET}@localhost:4566", f"https://ada:{SECRET}@local host",
    f"https://ada:{SECRET}@[::1", f"http://ada:{SECRET}@localhost:45x66", "http://localhost:45x66", "ftp://localhost",
]  # fmt: skip


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize("url", BAD_ADDRESSES)
@pytest.mark.parametrize("in_environment", [False, True])
def test_a_wrong_address_is_said_without_what_it_holds(
    monkeypatch: pytest.MonkeyPatch, url: str, in_environment: bool
) -> None:
    """A password in it was quoted, and a port that is none was called a defect of ours."""
    if in_environment:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    given = {} if in_environment else {"endpoint_url": url}
    with pytest.raises(Failure) as found:
        connection(region="us-east-1", **given, **KEYS).client("ecs", 1)
    assert found.value.fields["reason"] == "connection"
    assert SECRET not in found.value.msg and "Correct service_endpoint_url, or AWS_ENDPOINT_URL" in found.value.msg


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize("part", ["access_key", "secret_key", "session_token"])
@pytest.mark.parametrize("in_environment", [False, True])
def test_a_line_end_in_a_key_is_no_trouble_of_the_network(
    monkeypatch: pytest.MonkeyPatch, part: str, in_environment: bool
) -> None:
    given = {"access_key": "AKIAX", "secret_key": "x", "session_token": "y", part: f"{SECRET}\n"}
    if in_environment:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", given["access_key"])
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", given["secret_key"])
        monkeypatch.setenv("AWS_SESSION_TOKEN", given["session_token"])
    with pytest.raises(Failure) as found:
        connection(region="us-east-1", **({} if in_environment else given)).client("ecs", 1)
    assert part.replace("_", " ") in found.value.msg and "line end" in found.value.msg
    assert SECRET not in found.value.msg


# -- warming up


@pytest.fixture
def trap() -> Iterator[tuple[str, list[str]]]:
    """Something that answers at the address of the metadata service, and what it was asked."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        do_GET = do_PUT

        def log_message(self, *_args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    thread.join()
    server.server_close()


WATCHED = """
    import json, sys
    seen = []
    watched = ("socket.", "subprocess.", "os.fork", "os.exec", "os.posix_spawn", "os.system", "os.spawn")
    sys.addaudithook(lambda event, _arguments: event.startswith(watched) and seen.append(event))
    from ansible_collections.steady.ecs.plugins.module_utils.edges import aws
    from ansible_collections.steady.ecs.plugins.callback import warm
    callback = warm.CallbackModule()
"""
WARM = """
    before = len(seen)
    callback.v2_playbook_on_start(None)
    print(json.dumps({"seen": seen[before:], "modules": len([m for m in sys.modules if ".ecs.plugins.modules." in m])}))
"""
CLIENT = """
    connection = aws.Connection({"region": "us-east-1", "validate_certs": True, "profile": sys.argv[1] or None})
    credentials = connection.client("ecs", 1)._request_signer._credentials
    print(json.dumps({"seen": seen, "key": credentials and credentials.access_key}))
"""


def watched(code: str, folder: Path, metadata: str, profile: str = "") -> dict[str, Any]:
    """Run code in a process that records its sockets and processes, and whose credentials are traps."""
    script = folder / "credentials.sh"
    key = json.dumps({"Version": 1, "AccessKeyId": "AKIATRAP", "SecretAccessKey": "x"})
    script.write_text(f"#!/bin/sh\ntouch {folder}/asked\necho '{key}'\n")
    script.chmod(0o755)
    (folder / "config").write_text(f"[default]\n[profile trap]\ncredential_process = {script}\n")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "ANSIBLE_"))}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(WATCHED) + textwrap.dedent(code), profile],
        cwd=ROOT,
        env={
            **kept,
            "PYTHONPATH": f"{ROOT}/collections",
            "HOME": str(folder),
            "AWS_CONFIG_FILE": str(folder / "config"),
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": metadata,
            "AWS_METADATA_SERVICE_TIMEOUT": "1",
            **({"AWS_PROFILE": profile} if profile else {}),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("profile", ["", "trap"])
def test_warming_up_opens_nothing_starts_nothing_and_asks_nobody(
    tmp_path: Path, trap: tuple[str, list[str]], profile: str
) -> None:
    url, asked = trap
    found = watched(WARM, tmp_path, url, profile)
    assert collections.Counter(found["seen"]) == {}
    assert found["modules"] >= 12
    assert not (tmp_path / "asked").exists()
    assert asked == []


def test_the_traps_catch_who_resolves_credentials(tmp_path: Path, trap: tuple[str, list[str]]) -> None:
    """Or the test above would prove nothing."""
    url, asked = trap
    found = watched(CLIENT, tmp_path, url, "trap")
    assert (found["key"], (tmp_path / "asked").exists()) == ("AKIATRAP", True)
    assert any(each.startswith("subprocess.") for each in found["seen"])
    (tmp_path / "asked").unlink()
    found = watched(CLIENT, tmp_path, url)
    assert (found["key"], bool(asked)) == (None, True)
    assert "socket.connect" in found["seen"]
