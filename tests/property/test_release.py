"""A run may die after any write, again and again: documents stay readable, and the way back stays the right one."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any
from unittest import mock

from ansible_collections.steady.ecs.plugins.module_utils.edges.store_files import FileStore
from ansible_collections.steady.ecs.plugins.module_utils.rules import intent, records, release, restore, states
from hypothesis import given, settings
from hypothesis import strategies as st

ACCOUNT, REGION = "640080112933", "us-east-1"
FAMILY = f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/web"
GROUP = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:targetgroup/web/6cd8923ffc120347"
IDENTITY = records.Identity(ACCOUNT, REGION, "production", "web")
NOW = "2025-11-27T10:00:00Z"

NEVER = 99
deaths = st.integers(0, 9) | st.just(NEVER)
acts = st.lists(
    st.tuples(st.just("deploy"), deaths, st.sampled_from(["proven", "failed", "failed_rolled_back"]))
    | st.tuples(st.just("rollback"), deaths, st.just("proven"))
    | st.tuples(st.just("by hand"), st.just(0), st.just("")),
    max_size=8,
)


class Died(Exception):
    """The process of a run ended here."""


class World:
    """A service, its store on disk, and a run that dies before its n-th step."""

    def __init__(self, folder: Path) -> None:
        self.store = FileStore(folder, IDENTITY)
        self.revision, self.seconds, self.last = 74, 3600, 74
        self.left = NEVER
        self.allowed: set[tuple[str, int]] = set()
        """What our own releases since the last baseline or success may have left: said without the rules."""

    def step(self) -> None:
        if self.left == 0:
            raise Died
        self.left -= 1

    def live(self) -> dict[str, Any]:
        return {
            "task_definition": f"{FAMILY}:{self.revision}",
            "deployment": "d",
            "settings": {},
            "running": 3,
            "attributes": {GROUP: {"duration": str(self.seconds), "other": "1"}},
        }

    def write(self, writes: list[release.Write], settles: bool = False) -> None:
        for each in writes:
            self.step()
            self.store.apply([each])
            if settles and each.how == release.HEAD:
                self.settle()

    def settle(self) -> None:
        self.allowed = {("revision", self.revision), ("seconds", self.seconds)}

    def needs_baseline(self) -> bool:
        return not {("revision", self.revision), ("seconds", self.seconds)} <= self.allowed

    def open(self, kind: str, made: dict[str, Any], restores: int | None) -> dict[str, Any]:
        head, known = self.store.head(), self.store.records()
        request = release.Request(IDENTITY, kind, made, {"who": "ada"}, "nonce", restores)
        opening = release.opening(head, known, request, self.live(), NOW)
        adopted = any(
            each["kind"] == "baseline"
            and seq > head["seq"]
            and not states.differences(states.state_of(each), self.live())
            for seq, each in known.items()
        )
        assert (opening.baseline is not None) == (self.needs_baseline() and not adopted)
        self.write(opening.writes, settles=self.needs_baseline())
        return opening.record

    def deploy(self, outcome: str) -> None:
        before = self.revision, self.seconds
        self.last += 1
        revision, seconds = self.last, self.last * 100
        attributes = {GROUP: {"duration": str(seconds)}}
        changes = {"containers": {"web": {"environment": {f"V{revision}": "x"}}}}
        record = self.open("deploy", intent.intent(f"{FAMILY}:1", changes, {}, {}, {}, attributes), None)
        self.allowed |= {("revision", revision), ("seconds", seconds)}
        self.step()
        self.seconds = seconds
        record = release.step(record, {"attributes": "done", "task_definition": f"{FAMILY}:{revision}"}, NOW)
        self.write([release.Write(release.REPLACE, record)])
        self.revision = revision
        if outcome == "failed_rolled_back":
            record = release.rolling_back(record, NOW)
            self.write([release.Write(release.REPLACE, record)])
            self.step()
            self.revision, self.seconds = before
        self.close(record, outcome)

    def roll_back(self) -> None:
        choice = restore.choose(self.store.head(), self.store.records(), self.live())
        if choice.record is None or choice.stands:
            assert choice.remedy
            return
        put_back = restore.restoration(choice.record, self.store.records(), self.live())
        record = self.open("rollback", intent.restoring(put_back), put_back["seq"])
        revision = int(put_back["task_definition"].rsplit(":", 1)[1])
        seconds = int(put_back["attributes"].get(GROUP, {}).get("duration", self.seconds))
        self.allowed |= {("revision", revision), ("seconds", seconds)}
        self.step()
        self.revision, self.seconds = revision, seconds
        self.close(record, "proven")

    def close(self, record: dict[str, Any], outcome: str) -> None:
        writes = release.closing(self.store.head(), record, outcome, {}, NOW)
        self.write(writes[:1])
        if outcome == "proven":
            self.settle()
        elif outcome == "failed_rolled_back":
            self.allowed -= {("revision", self.last), ("seconds", self.last * 100)}
        self.write(writes[1:])

    def typed_from_the_report(self) -> None:
        """The command that the report of any closed release names goes back to where the report says."""
        known = self.store.records()
        for record in known.values():
            base = restore.way_back(record, known) if record["kind"] in ("deploy", "rollback") else None
            if base is None:
                continue
            _playbook, _name, number = restore.command("rollback.yml", record, base, known).partition("rollback_to=")
            if not number and states.differences(states.state_of(record), self.live()):
                continue  # somebody has changed it by hand since
            choice = restore.choose(self.store.head(), known, self.live(), number or None)
            # What is live already, as a rollback to it, is not gone back to once more.
            assert choice.record and base["seq"] in restore.reached(choice.record, known), (record["seq"], choice)

    def act(self, what: str, dies: int, outcome: str) -> None:
        self.left = dies
        try:
            if what == "deploy":
                self.deploy(outcome)
            elif what == "rollback":
                self.roll_back()
            else:
                self.last += 1
                self.seconds = 1_000_000 + self.last
        except Died:
            pass


@settings(max_examples=100)
@given(acts)
def test_whatever_dies_the_store_is_readable_and_the_way_back_is_kept(story: list[tuple[str, int, str]]) -> None:
    with tempfile.TemporaryDirectory() as folder, mock.patch("os.fsync"):  # slow, and no power fails here
        world = World(Path(folder))
        for what, dies, outcome in story:
            was = world.store.head()["current"]
            world.act(what, dies, outcome)
            world.typed_from_the_report()
            known = world.store.records()
            head = release.settled(world.store.head(), known)
            if head["current"] is not None:
                assert known[head["current"]]["state"] == "succeeded"
                assert was is None or head["current"] >= was, "the way back never moves backwards"
            assert head["open"] is None or known[head["open"]]["state"] not in records.FINAL
            assert all(each["state"] in records.FINAL for seq, each in known.items() if seq < head["seq"])
        world.act("deploy", NEVER, "proven")
        head, known = world.store.head(), world.store.records()
        assert head["open"] is None and known[head["current"]]["kind"] == "deploy"
        assert states.differences(states.state_of(known[head["current"]]), world.live()) == []
        choice = restore.choose(head, known, world.live())
        assert choice.record is not None, "after a deploy there is always a way back"
        assert choice.record["state"] == "succeeded" and choice.record["seq"] < head["current"]
