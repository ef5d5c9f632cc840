"""Taking, renewing and giving back the lease, with the store in a folder and a clock of the test's own."""

from __future__ import annotations

import os
import signal
import types
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.edges import aws, credentials, held, store_files, stores, waits
from ansible_collections.steady.ecs.plugins.module_utils.rules import conclusion, lease
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure, Task, TooLate, interruptible, shielded

from tests.unit.modules.releases import DURATION, World

DECLARED: dict[str, Any] = {"attributes": {DURATION: 86400}, "differences": [{"resource": "target group"}]}


class Run:
    """One run: its tasks, each of them a new process, and what was shown."""

    def __init__(self, world: World, store: Path, **options: Any) -> None:
        self.world, self.store, self.options = world, store, {"lease_seconds": 90, "lease_wait": None, **options}
        self.lines: list[str] = []

    def task(self, **params: Any) -> Task:
        return self.world.task({}, store=str(self.store), **self.options, **params)

    def take(self, why: str = "sessions") -> held.Held:
        task = self.task()
        task.report = self.lines.append
        return held.take(task, why)

    def next_task(self, hold: held.Held, seq: int = 1) -> held.Held:
        given = {"seq": seq, "nonce": hold.nonce, "store": str(self.store), "account": hold.store.identity.account}
        found = held.of(self.task(release={**given, "lease_seconds": hold.ttl}))
        assert found is not None
        return found


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    world = World()
    monkeypatch.setattr(waits, "clock", world)
    return world


@pytest.fixture
def run(world: World, tmp_path: Path) -> Run:
    return Run(world, tmp_path)


IDENTITY = "get_caller_identity"


@pytest.fixture
def asked(world: World, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Each time that somebody asked who calls."""
    found: list[str] = []
    answer = world.get_caller_identity
    monkeypatch.setattr(world, IDENTITY, lambda: found.append(IDENTITY) or answer(), raising=False)
    return found


def identified_by(world: World, provider: str) -> None:
    found = credentials.Found(types.SimpleNamespace(method=provider))
    world._request_signer._credentials = credentials.Renewable(found, lambda: found)


@pytest.mark.parametrize("provider", ["shared-credentials-file", "custom-process", "assume-role", "sso", "new-one"])
def test_a_task_whose_credentials_are_of_another_account_by_now_touches_nothing(
    run: Run, world: World, provider: str
) -> None:
    """Each task reads its credentials anew, and somebody logs in elsewhere under the same profile."""
    identified_by(world, provider)
    hold = run.take()
    run.next_task(hold)
    before = lease_of(hold)
    world.account = "999900001111"
    world.sleep(1)
    with pytest.raises(Failure, match="belong to account 999900001111") as found:
        run.next_task(hold)
    assert found.value.fields["reason"] == "wrong_account"
    assert conclusion.is_cut_off(found.value.fields)
    assert lease_of(hold)["key"] == before["key"]


@pytest.mark.parametrize("provider", sorted(credentials.LASTING))
def test_an_identity_that_lasts_as_long_as_the_run_is_asked_for_once(
    run: Run, world: World, asked: list[str], provider: str
) -> None:
    identified_by(world, provider)
    hold = run.take()
    for _ in range(3):
        run.next_task(hold)
    assert asked == [IDENTITY]


def test_credentials_that_were_had_anew_in_a_task_are_looked_at(run: Run, world: World) -> None:
    hold = run.take()
    run.next_task(hold)
    hook = world.at_renewal
    hook()
    world.account = "999900001111"
    with pytest.raises(Failure, match="belong to account"):
        hook()


def lease_of(hold: held.Held) -> Any:
    return hold.store.head()["lease"]


def test_a_free_lease_is_taken_at_once_and_given_back(run: Run, world: World) -> None:
    began = world.now()
    hold = run.take()
    assert world.now() == began and run.lines == []
    assert (lease_of(hold)["nonce"], lease_of(hold)["why"]) == (hold.nonce, "sessions")
    again = run.next_task(hold)
    assert lease_of(again)["key"] == f"{hold.nonce}/1/2", "each task renews it, and watchers see that"
    again.release()
    assert lease_of(hold) is None
    assert run.take().store.head()["epoch"] == 2


def test_a_killed_run_is_waited_for_and_taken_over(run: Run, world: World, tmp_path: Path) -> None:
    dead, began = run.take("the first"), world.now()
    other = Run(world, tmp_path)
    hold = other.take("the second")
    assert 115 <= world.now() - began < 120, "its ttl, and one call that it may have sent in its last moment"
    assert len(other.lines) == 1
    for word in ("user/ada", "since 20", "(the first)", dead.store.place):
        assert word in other.lines[0]
    with pytest.raises(Failure) as lost:
        dead.renew()
    assert lost.value.fields["reason"] == "lease_lost"
    assert "(the second)" in lost.value.msg
    assert lease_of(hold)["nonce"] == hold.nonce
    dead.release()
    assert lease_of(hold)["nonce"] == hold.nonce, "what is not ours is not given back"


@pytest.mark.parametrize("seconds", [20, 90, 300, 1800])
def test_a_killed_run_is_taken_over_however_long_its_lease_is(world: World, tmp_path: Path, seconds: int) -> None:
    Run(world, tmp_path, lease_seconds=seconds).take("the first")
    began, other = world.now(), Run(world, tmp_path)
    assert lease_of(other.take("the second"))["why"] == "the second"
    assert seconds < world.now() - began <= seconds + 30


@pytest.mark.parametrize("seconds", [-1, 0, 14])
def test_a_lease_too_short_to_work_under_is_refused_before_anything_is_written(
    world: World, tmp_path: Path, seconds: int
) -> None:
    alive = Run(world, tmp_path).take("a long rollout")
    before = alive.store.head()
    short = Run(world, tmp_path, lease_seconds=seconds)
    for taking in (short.take, lambda: held.take_from(short.task(), "unlock", before["lease"])):
        with pytest.raises(Failure) as found:
            taking()
        assert found.value.msg == (
            f"Nothing was changed. release_lease_seconds: expected 15 or more, found {seconds}. Leave it out for 90, "
            "or give it a greater number."
        )
    assert alive.store.head() == before
    alive.release()
    assert Run(world, tmp_path, lease_seconds=15).take().ttl == 15


def test_a_lease_of_the_least_length_leaves_a_call_the_time_to_connect() -> None:
    config = aws._config(aws.WRITE_ATTEMPTS, types.SimpleNamespace(ttl=lease.LEAST))
    assert (config.connect_timeout, config.read_timeout) == (1.0, 4.0)


def test_who_is_told_how_long_to_wait_is_told_that_this_was_too_short(world: World, tmp_path: Path) -> None:
    Run(world, tmp_path, lease_seconds=300).take("the first")
    began = world.now()
    with pytest.raises(Failure, match=r"too short .* whether it is dead: 325 s without") as found:
        Run(world, tmp_path, lease_wait=180).take()
    assert found.value.fields["reason"] == "held" and world.now() - began < 185


def test_a_run_that_is_alive_keeps_the_other_out(run: Run, world: World, tmp_path: Path) -> None:
    alive, began = run.take("a long rollout"), world.now()
    sleep = world.sleep

    def both(seconds: float) -> None:
        sleep(seconds)
        alive.renew_if_due()

    world.sleep = both  # type: ignore[method-assign]
    with pytest.raises(Failure) as found:
        Run(world, tmp_path).take()
    assert (found.value.fields["reason"], found.value.fields["holder"]["why"]) == ("held", "a long rollout")
    assert 180 <= world.now() - began < 185
    for word in ("user/ada", "a long rollout", "Nothing was changed", "180 s, and its last sign of life is "):
        assert word in found.value.msg
    assert lease_of(alive)["key"].endswith("/4"), "renewed at each half of its time, not at each look"


def test_whoever_waits_for_a_long_lease_ends_when_its_holder_renews_it(run: Run, world: World, tmp_path: Path) -> None:
    alive, began = Run(world, tmp_path, lease_seconds=600).take("a long rollout"), world.now()
    sleep = world.sleep

    def both(seconds: float) -> None:
        sleep(seconds)
        alive.renew_if_due()

    world.sleep = both  # type: ignore[method-assign]
    with pytest.raises(Failure, match="a long rollout"):
        run.take()
    assert 300 <= world.now() - began < 310, "it renews at half of its time"


def test_who_must_not_wait_is_told_at_once(run: Run, world: World, tmp_path: Path) -> None:
    run.take()
    began = world.now()
    with pytest.raises(Failure, match="Another run is at work"):
        Run(world, tmp_path, lease_wait=0).take()
    assert world.now() == began


def test_c80_a_signal_gives_the_lease_back_and_is_noted(world: World, tmp_path: Path) -> None:
    world.release(tmp_path, "opened", **DECLARED)
    task = world.task({}, store=str(tmp_path), release=world.opened)
    hold = held.of(task)
    assert hold is not None
    hold.known = lambda: {"deployment": "ecs-svc/75", "service_deployment": None}
    for clean_up in task.at_interrupt:
        clean_up("SIGINT")
    assert lease_of(hold) is None
    record = hold.store.record(2)
    assert (record["state"], record["log"][-1]["state"]) == ("applying", "interrupted")
    assert record["steps"]["deployment"] == "ecs-svc/75"
    began = world.now()
    answer = world.release(tmp_path, "opened", **DECLARED)
    assert (answer["release"]["seq"], answer["release"]["resumed"], world.now()) == (2, True, began)
    hold.interrupted()
    assert lease_of(hold)["nonce"] == world.opened["nonce"], "a second signal takes nothing from the next run"
    assert hold.store.record(2)["log"][-1]["state"] == "applying"


def test_c82_two_runs_never_touch_one_service_and_do_not_hinder_each_other_elsewhere(
    run: Run, world: World, tmp_path: Path
) -> None:
    admin = run.take("version 2 for both")
    other = Run(world, tmp_path, service="api", lease_wait=0)
    api = other.take("version 2 for both")
    with pytest.raises(Failure, match="version 2 for both"):
        Run(world, tmp_path, service="api", lease_wait=0).take("a hotfix")
    api.interrupted()
    hotfix = Run(world, tmp_path, service="api", lease_wait=0).take("a hotfix")
    assert lease_of(hotfix)["nonce"] == hotfix.nonce, "what was cancelled is free at once"
    assert lease_of(admin)["nonce"] == admin.nonce


def test_a_call_is_sent_only_when_it_ends_within_the_lease(run: Run, world: World) -> None:
    hold = run.take()
    world.sleep(65)
    hold.in_time()
    world.sleep(1)
    with pytest.raises(TooLate):
        hold.in_time()
    hold.renew()
    hold.in_time()


@pytest.mark.parametrize("moment", ["take", "renew"])
def test_the_lease_counts_from_when_its_write_was_sent_not_from_its_answer(
    run: Run, world: World, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """Others count from when it arrived: an answer that takes long must not make ours longer than theirs."""
    put = store_files.FileStore.put

    def slow(*arguments: Any) -> str:
        world.sleep(20)
        return put(*arguments)

    if moment == "renew":
        hold = run.take()
        world.sleep(30)
    monkeypatch.setattr(store_files.FileStore, "put", slow)
    if moment == "renew":
        hold.renew()
    else:
        hold = run.take()
    monkeypatch.undo()
    monkeypatch.setattr(waits, "clock", world)
    world.sleep(45)
    hold.in_time()
    world.sleep(1)
    with pytest.raises(TooLate):
        hold.in_time()


def test_a_lease_that_was_taken_away_is_lost_to_the_next_task(run: Run) -> None:
    hold = run.take()
    hold.release()
    with pytest.raises(Failure) as lost:
        run.next_task(hold)
    assert (lost.value.fields["reason"], lost.value.fields["holder"]) == ("lease_lost", None)


def test_outside_a_release_and_in_check_mode_there_is_no_lease(run: Run, world: World) -> None:
    hold = run.take()
    given = {"seq": None, "nonce": hold.nonce, "store": str(run.store), "account": "640080112933"}
    assert held.of(run.task(release={})) is None
    assert held.of(run.task(release=given)) is None
    task = run.task(release={**given, "seq": 1, "lease_seconds": 90})
    task.check_mode = True
    assert held.of(task) is None


def test_a_foreign_account_takes_no_lease(run: Run, world: World, tmp_path: Path) -> None:
    world.account = "111111111111"
    with pytest.raises(Failure, match="111111111111"):
        run.take()
    assert list(tmp_path.iterdir()) == []


def test_an_operation_stands_on_record_and_gives_the_lease_back(run: Run, world: World, tmp_path: Path) -> None:
    world.release(tmp_path, "opened", **DECLARED)
    world.release(tmp_path, "interrupted")

    def act(hold: held.Held) -> dict[str, Any]:
        assert lease_of(hold)["nonce"] == hold.nonce
        assert hold.store.record(3)["state"] == "applying", "it is on record before anything is changed"
        return {"changed": True, "operation": {"desired": 5}}

    answer = held.operate(run.task(), "scale", "load", {"count": 5}, act)
    assert answer["changed"]
    store = stores.of(run.task())
    record, head = store.record(3), store.head()
    assert (record["kind"], record["state"]) == ("scale", "succeeded")
    assert record["operation"] == {"verb": "scale", "arguments": {"count": 5}, "result": {"desired": 5}}
    assert (head["lease"], head["open"], head["current"], head["seq"]) == (None, 2, 1, 3)


def test_an_operation_that_fails_says_so_on_record(run: Run) -> None:
    def act(_hold: held.Held) -> dict[str, Any]:
        raise Failure("AWS refused it.", reason="refused")

    with pytest.raises(Failure, match="AWS refused it"):
        held.operate(run.task(), "restart", "", {}, act)
    store = stores.of(run.task())
    assert (store.record(1)["state"], store.record(1)["verdict"]["reason"]) == ("failed", "AWS refused it.")
    assert store.head()["lease"] is None


def test_an_interruption_waits_for_the_end_of_a_write() -> None:
    seen: list[str] = []
    before = signal.signal(signal.SIGTERM, lambda *_: seen.append("dies"))
    try:
        task = Task(params={}, connection=None, at_interrupt=[lambda name: seen.append(name)])
        with interruptible(task):
            with shielded():
                with shielded():
                    os.kill(os.getpid(), signal.SIGTERM)
                seen.append("written")
            seen.append("not reached by a process that died")
    finally:
        signal.signal(signal.SIGTERM, before)
    assert seen[:3] == ["written", "SIGTERM", "dies"]


def test_an_interruption_does_not_wait_for_the_end_of_a_pause() -> None:
    seen: list[str] = []
    before = signal.signal(signal.SIGTERM, lambda *_: seen.append("dies"))
    try:
        task = Task(params={}, connection=None, at_interrupt=[lambda name: seen.append(name)])
        with interruptible(task), shielded():
            os.kill(os.getpid(), signal.SIGTERM)
            seen.append("sent")
            waits.SystemClock().sleep(0)
            seen.append("paused")
    finally:
        signal.signal(signal.SIGTERM, before)
    assert seen == ["sent", "SIGTERM", "dies", "paused"]


def ignores_the_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a tool without a lock does: two runs touch one service."""
    monkeypatch.setattr(lease.Watch, "is_over", lambda *_asked: True)


def leaves_the_lock_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a cancelled run does that nobody told to clean up."""
    monkeypatch.setattr(held.Held, "interrupted", lambda *_asked: None)


def test_c80_and_c82_fail_on_what_others_did_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    c82 = test_c82_two_runs_never_touch_one_service_and_do_not_hinder_each_other_elsewhere
    c80 = test_c80_a_signal_gives_the_lease_back_and_is_noted
    for number, wrong in enumerate((ignores_the_lease, leaves_the_lock_behind)):
        world = World()
        with monkeypatch.context() as patch:
            patch.setattr(waits, "clock", world)
            c82(Run(world, tmp_path / f"ours {number}"), world, tmp_path / f"ours {number}")
            wrong(patch)
            with pytest.raises((AssertionError, Failure, pytest.fail.Exception)):
                c82(Run(world, tmp_path / f"wrong {number}"), world, tmp_path / f"wrong {number}")
    world = World()
    monkeypatch.setattr(waits, "clock", world)
    leaves_the_lock_behind(monkeypatch)
    with pytest.raises(AssertionError):
        c80(world, tmp_path / "c80")
