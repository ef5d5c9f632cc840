# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""AWS's rates on the bed, where its buckets are switched on: many processes together are never turned away."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import textwrap
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.edges import pace, reads, transport, waits
from ansible_collections.steady.ecs.plugins.module_utils.rules import rates
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure

from tests.edges.issuing import Keys, shared_file, task
from tests.testbed.beds import Bed

ROOT = Path(__file__).parents[2]
HASTE = 20.0
"""AWS's seconds in one of ours, for the bed's buckets and for the clock of those who wait."""

WORKER = """
    import sys, time
    from ansible_collections.steady.ecs.plugins.module_utils.edges import aws, waits, writes
    from ansible_collections.steady.ecs.plugins.module_utils.work import Task

    class Clock:
        def now(self):
            return time.monotonic() * {haste}
        def sleep(self, seconds):
            time.sleep(seconds / {haste})

    waits.clock = Clock()
    options = dict(region="us-east-1", endpoint_url=sys.argv[1], validate_certs=True, access_key="A", secret_key="x")
    lines = []
    for number in range(int(sys.argv[3])):
        # As Ansible's tasks do: a client of its own for each.
        connection = aws.Connection(options, lines.append)
        content = dict(family=sys.argv[2] + str(number), containerDefinitions=[dict(name="a", image="b", memory=64)])
        writes.register_task_definition(Task(params=options, connection=connection), content, lambda: None)
    print(len(lines), lines[-1:] or "")
"""


def registered(bed: Bed, home: Path, processes: int, each: int, share: int | None) -> list[str]:
    """Let so many processes register so many revisions each, at once; what they printed."""
    code = textwrap.dedent(WORKER.format(haste=HASTE))
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}/collections", "HOME": str(home)}
    environment |= {} if share is None else {pace.SHARE: str(share)}
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code, bed.endpoint, f"p{number}-", str(each)],
            cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        for number in range(processes)
    ]  # fmt: skip
    said = [process.communicate(timeout=240)[0] for process in started]
    assert [process.returncode for process in started] == [0] * processes, said
    return said


def errors(bed: Bed, operation: str) -> list[str | None]:
    return [each.get("error") for each in bed.admin("GET", "/_bed/calls")[1]["log"] if each["operation"] == operation]


@pytest.fixture
def buckets(bed: Bed) -> Any:
    bed.admin("PUT", "/_bed/buckets", {"scale": 1 / HASTE})
    yield bed
    bed.admin("DELETE", "/_bed/buckets")


def test_c84_sixty_services_register_without_one_refusal(buckets: Bed, home: Path) -> None:
    """A fifth of AWS's rate, which no machine is too slow for."""
    said = registered(buckets, home, processes=4, each=15, share=20)
    assert errors(buckets, "RegisterTaskDefinition") == [None] * 60
    assert any("until AWS's rate lets us call (ecs task-definition-modify)" in each for each in said), said
    (state,) = (home / "steady-ecs").iterdir()
    assert state.stat().st_size == 16


def test_c84_without_a_pace_aws_refuses_some(buckets: Bed) -> None:
    """The Wrong, or the test above would prove nothing; at AWS's own rate, so that no machine is too slow for it."""
    buckets.admin("PUT", "/_bed/buckets", {"scale": 1})
    ecs = buckets.client("ecs")
    for _each in range(60):
        with suppress(ecs.exceptions.ClientError):
            ecs.register_task_definition(
                family="unpaced", containerDefinitions=[{"name": "a", "image": "steady/echo", "memory": 64}]
            )
    assert "ThrottlingException" in errors(buckets, "RegisterTaskDefinition")


def test_c84_when_others_take_the_account_s_rate_we_slow_down_and_lose_nothing(buckets: Bed, home: Path) -> None:
    """Our share is too large for what is left: AWS turns calls away, and every one goes through in the end."""
    turned_away = [
        {"operation": "RegisterTaskDefinition", "kind": "throttle", "at_call": number} for number in (2, 7, 12)
    ]
    buckets.admin("PUT", "/_bed/faults", turned_away)
    registered(buckets, home, processes=2, each=6, share=90)
    found = errors(buckets, "RegisterTaskDefinition")
    assert found.count(None) == 12
    assert found.count("ThrottlingException") >= 3
    (state,) = (home / "steady-ecs").iterdir()
    assert rates.State.FORM.unpack(state.read_bytes())[1] < 1


def test_the_sdk_s_own_retries_wait_for_their_turn_too(
    bed: Bed, home: Path, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared_file(home, keys)
    monkeypatch.setenv(pace.SHARE, "50")
    asked: list[str] = []
    real = pace.Pace.wait
    monkeypatch.setattr(pace.Pace, "wait", lambda self, *call: (asked.append(call[1]), real(self, *call))[1])
    bed.admin("PUT", "/_bed/faults", [{"operation": "ListClusters", "kind": "server_error", "times": 2}])
    reads.cluster_names(task(bed))
    assert asked == ["ListClusters"] * 3


# -- where the buckets stand


def names(folder: Path) -> set[str]:
    return {each.name for each in folder.glob("steady-ecs*/*")}


def take(account: str, region: str = "us-east-1", endpoint: str = "https://ecs.amazonaws.com") -> None:
    pace.Pace(account, region, endpoint, 50).wait("ecs", "UpdateService", lambda *_: None)


def test_accounts_regions_and_classes_have_buckets_of_their_own(home: Path) -> None:
    take("111122223333")
    take("111122223333")
    take("444455556666")
    take("111122223333", "eu-west-1")
    pace.Pace("111122223333", "us-east-1", "https://ecs.amazonaws.com", 50).wait("ecs", "ListTasks", lambda *_: None)
    assert len(names(home)) == 4
    assert not any("111122223333" in each for each in names(home))


def test_the_folder_is_private(home: Path) -> None:
    take("1")
    assert stat.S_IMODE((home / "steady-ecs").stat().st_mode) == 0o700
    assert {stat.S_IMODE(each.stat().st_mode) for each in (home / "steady-ecs").iterdir()} == {0o600}


@pytest.mark.parametrize("what", ["open to others", "a link", "a file", "not to be had"])
def test_a_folder_that_is_not_ours_alone_is_not_used_and_each_process_keeps_its_own(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.setattr(pace, "_own", {})
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    if what == "open to others":
        (home / "steady-ecs").mkdir()
        (home / "steady-ecs").chmod(0o777)
    elif what == "a link":
        (home / "steady-ecs").symlink_to(elsewhere)
    elif what == "a file":
        (home / "steady-ecs").write_text("x")
    else:
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(home / "none"))
        monkeypatch.setattr(pace.tempfile, "gettempdir", lambda: str(home / "none"))
    take("1")
    take("1")
    assert names(home) == set()
    assert list(elsewhere.iterdir()) == []
    (state,) = pace._own.values()
    assert state != rates.State()


def test_without_a_runtime_folder_it_is_the_temporary_one(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(home / "none"))
    monkeypatch.setattr(pace.tempfile, "gettempdir", lambda: str(home))
    take("1")
    assert len(list((home / f"steady-ecs-{os.getuid()}").iterdir())) == 1


@pytest.mark.parametrize(
    ("endpoint", "given", "share"),
    [
        ("https://ecs.us-east-1.amazonaws.com", None, 50),
        ("https://ecs.us-east-1.amazonaws.com", "90", 90),
        ("https://ecs.us-east-1.amazonaws.com", "100", 90),
        ("https://ecs.us-east-1.amazonaws.com", "0", 1),
        ("https://ecs.us-east-1.amazonaws.com", "nonsense", 50),
        ("http://127.25.0.1:4566", None, None),
        ("http://localhost:4566", None, None),
        ("http://127.25.0.1:4566", "50", 50),
        ("http://10.0.0.7:4566", None, 50),
    ],
)
def test_the_share_that_is_used(
    home: Path, monkeypatch: pytest.MonkeyPatch, endpoint: str, given: str | None, share: int | None
) -> None:
    if given is not None:
        monkeypatch.setenv(pace.SHARE, given)
    assert pace.share(endpoint) == share


class Hands(waits.SystemClock):
    """A clock that only sleeping moves."""

    moment = 100.0

    def now(self) -> float:
        return self.moment

    def sleep(self, seconds: float) -> None:
        self.moment += seconds


class Lease:
    ttl, renewals, looks = 90, 0, 0

    def renew(self) -> None:
        raise AssertionError("only when it is due")

    def renew_if_due(self) -> None:
        self.renewals += 1

    def in_time(self) -> None:
        self.looks += 1


def test_who_waits_for_a_turn_says_so_and_keeps_the_lease(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """60 registers take longer than a lease lasts; the deadline is looked at after the wait, not before it."""
    hands, lease, lines = Hands(), Lease(), list[str]()
    monkeypatch.setattr(waits, "clock", hands)
    turns = pace.Pace("1", "us-east-1", "https://ecs.amazonaws.com", 5)
    hooks = transport.Transport(turns, lines.append, lease)
    hooks._service = "ecs"
    for call in range(3):
        hooks.before_send("before-send.ecs.RegisterTaskDefinition")
        assert lease.looks == call + 1
    assert hands.moment - 100 == pytest.approx(40)
    assert lease.renewals == 8
    assert lines[0] == "20 s until AWS's rate lets us call (ecs task-definition-modify)"
    assert lines[1].startswith("15 s")


# -- batches


@pytest.fixture
def services(bed: Bed) -> list[str]:
    ecs = bed.client("ecs")
    ecs.create_cluster(clusterName="many")
    content = [{"name": "a", "image": "steady/echo:1", "memory": 64}]
    arn = ecs.register_task_definition(
        family="many", containerDefinitions=content, networkMode="awsvpc", cpu="256", memory="512",
        requiresCompatibilities=["FARGATE"],
    )["taskDefinition"]["taskDefinitionArn"]  # fmt: skip
    network = {"awsvpcConfiguration": {"subnets": ["subnet-1"], "securityGroups": ["sg-1"]}}
    found = [f"s{number:03d}" for number in range(100)]
    for name in found:
        ecs.create_service(
            cluster="many", serviceName=name, taskDefinition=arn, desiredCount=0, launchType="FARGATE",
            networkConfiguration=network,
        )  # fmt: skip
    bed.admin("DELETE", "/_bed/calls")
    return found


def given(**more: str) -> dict[str, str]:
    return {"access_key": "A", "secret_key": "x", **more}


def test_c85_services_are_read_ten_at_a_time(bed: Bed, home: Path, services: list[str]) -> None:
    for count, calls in ((11, 2), (25, 3), (100, 10)):
        bed.admin("DELETE", "/_bed/calls")
        found = reads.services(task(bed, **given()), "many", services[:count])
        assert sorted(found) == services[:count]
        assert errors(bed, "DescribeServices") == [None] * calls


def test_c85_fails_on_a_tool_that_asks_for_all_at_once(
    bed: Bed, home: Path, services: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reads, "SERVICES_A_CALL", 100)
    with pytest.raises(Failure, match="DescribeServices"):
        test_c85_services_are_read_ten_at_a_time(bed, home, services)


def test_c85_one_that_is_missing_is_left_out_of_each_batch(bed: Bed, home: Path, services: list[str]) -> None:
    wanted = [*services[:5], "gone-1", *services[5:15], "gone-2", *services[15:20]]
    assert sorted(reads.services(task(bed, **given()), "many", wanted)) == services[:20]


def test_c85_the_failures_of_each_batch_are_kept(bed: Bed, home: Path, services: list[str]) -> None:
    bed.admin("PUT", "/_bed/faults", [{"operation": "DescribeServices", "failures": "UNKNOWN"}])
    with pytest.raises(Failure) as found:
        reads.services(task(bed, **given()), "many", services[:25])
    for name in ("s009", "s019", "s024"):
        assert f"{name} (UNKNOWN)" in found.value.msg
    assert found.value.fields["reason"] == "unread"
    assert errors(bed, "DescribeServices") == [None] * 3


def test_c85_fails_on_a_tool_that_takes_what_was_not_read_for_missing(
    bed: Bed, home: Path, services: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nine of ten are reported, and nobody hears of the tenth."""
    ours = reads.reading

    def wrong(asking: Any, service: str) -> Any:
        client = ours(asking, service)
        real = client.describe_services
        monkeypatch.setattr(client, "describe_services", lambda **asked: {**real(**asked), "failures": []})
        return client

    monkeypatch.setattr(reads, "reading", wrong)
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        test_c85_the_failures_of_each_batch_are_kept(bed, home, services)
