"""One disturbance of one command, then the same command again: what must hold, and what did not."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults.plays.copies import Copy
from tests.faults.plays.place import CANARY, KEY, Place
from tests.faults.plays.player import HASTE, Ended, Player, StuckError
from tests.faults.plays.scenarios import SCENARIOS, Scenario
from tests.testbed.beds import READS, Bed, until

ANYWHERE = ("throttle", "server_error", "reset", "timeout", "expired")
WRITES_ONLY = ("server_error_after", "reset_after", "timeout_after")
"""Done, but the answer is lost: 5xx, a connection that broke, none in time. A read is not changed by being done."""
READS_ONLY = ("stale",)
SIGNALS = ("SIGINT", "SIGTERM", "SIGKILL")
AFTER = "_after"
STALE = 1.5 / HASTE  # a second and a half of the play's time: two looks two seconds apart see the truth
HTTP_LIMIT = 1.0
"""Seconds after which a play gives up an HTTP request, in plans where one is never answered."""
TRIES = 5
COPIED = ("files", "s3")
"""Stores of plans with a service of their own; the one with users is a single service."""
Answer = dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """`where`: "call-17" or "border-5". `what`: a kind of the bed's faults, or a signal, `_after` the call was done."""

    scenario: str
    where: str
    what: str
    store: str = "files"

    @property
    def name(self) -> str:
        """What a person types to have it again."""
        return "/".join((self.store, self.scenario, self.where, self.what))

    @classmethod
    def parse(cls, name: str) -> Plan:
        """The inverse of `name`."""
        store, scenario, where, what = name.split("/")
        return cls(scenario, where, what, store)

    @property
    def number(self) -> int:
        """Of the call or the border."""
        return int(self.where.partition("-")[2])

    @property
    def signal(self) -> signal.Signals | None:
        """What the play gets, when it gets a signal."""
        word = self.what.removesuffix(AFTER)
        return signal.Signals[word] if word in SIGNALS else None


@dataclass
class Undisturbed:
    """A run of a scenario that nothing disturbs: its calls, its borders, and where it ends."""

    calls: list[str]
    borders: list[str]
    state: Answer
    deployments: int

    def what_is_at(self, plan: Plan) -> str:
        """The operation that a plan disturbs; a border is one by itself."""
        return plan.where if plan.where.startswith("border") else self.calls[plan.number - 1]

    def plans(self, scenario: str, store: str) -> Iterator[Plan]:
        """Every disturbance that the sweep knows, once: in a bucket those of the bucket, in a folder all others."""
        for number, operation in enumerate(self.calls, 1):
            if store == "s3" and not operation.startswith("s3:"):
                continue
            where, reads = f"call-{number}", READS.match(operation.partition(":")[2])
            kinds = ANYWHERE + (READS_ONLY if reads else WRITES_ONLY)
            signals = SIGNALS if reads else (*SIGNALS, *(each + AFTER for each in SIGNALS))
            for what in (*kinds, *signals):
                # What is asked for the first time has no older answer.
                if what != "stale" or (
                    operation in self.calls[: number - 1] and not operation.startswith(("s3:", "sts:"))
                ):
                    yield Plan(scenario, where, what, store)
        for number in range(1, len(self.borders) + 1) if store != "s3" else ():
            for what in SIGNALS:
                yield Plan(scenario, f"border-{number}", what, store)


@dataclass
class Result:
    """`problems` is empty when everything held; `reached`: whether the disturbance happened at all."""

    problems: list[str] = field(default_factory=list)
    reached: bool = True
    runs: list[Ended] = field(default_factory=list)
    anew: int = 0
    """Runs that began when the bad release was undone and its record closed, and the head not yet: new attempts."""
    requests: int = 0
    """Of users at work meanwhile, where there were some."""

    def text(self) -> str:
        """Everything that the runs printed."""
        return "\n".join(f"== run {n}: {run.outcome} ({run.status})\n{run.text}" for n, run in enumerate(self.runs, 1))


class Stage:
    """A bed and a player, for many plans one after the other."""

    def __init__(self, bed: Bed, player: Player, folder: Path) -> None:
        self.bed, self.player, self.folder = bed, player, folder
        self._undisturbed: dict[tuple[str, str], Undisturbed] = {}
        self._copies: dict[tuple[str, str], Copy] = {}

    def place(self, plan_store: str, **more: Any) -> Place:
        """A service of its own, with a store of that sort."""
        if plan_store == "s3":
            s3 = self.bed.client("s3")
            s3.create_bucket(Bucket="sweep-releases")
            s3.put_bucket_versioning(Bucket="sweep-releases", VersioningConfiguration={"Status": "Enabled"})
            return Place(self.bed, self.folder, "s3://sweep-releases/steady", **more)
        return Place(self.bed, self.folder, **more)

    def undisturbed(self, scenario: str, store: str) -> Undisturbed:
        """Of this scenario and store; run once."""
        if (scenario, store) not in self._undisturbed:
            self._undisturbed[scenario, store] = self._measure(SCENARIOS[scenario], store)
        return self._undisturbed[scenario, store]

    def _measure(self, scenario: Scenario, store: str) -> Undisturbed:
        place = self.place(store)
        scenario.begin(place, self.player)
        if place.records() and store in COPIED:
            self._copies[scenario.name, store] = Copy.of(place)
        before = place.deployments()
        self.bed.admin("DELETE", "/_bed/calls")
        done = self.player.run(*scenario.arguments(place))
        calls = [f"{call['service']}:{call['operation']}" for call in self.calls()]
        assert done.outcome in scenario.final, done.text
        place.rest()
        found = Undisturbed(
            calls=calls,
            borders=self.player.borders_file.read_text(encoding="utf-8").splitlines(),
            state=place.state(),
            deployments=place.deployments() - before,
        )
        place.remove()
        return found

    def calls(self) -> list[Answer]:
        """The plays' part of the bed's call log."""
        found: list[Answer] = self.bed.admin("GET", "/_bed/calls")[1]["log"]
        return [call for call in found if call["access_key"] == KEY]

    def rules(self, *rules: Answer) -> None:
        """Set the faults of the bed."""
        status, answer = self.bed.admin("PUT", "/_bed/faults", list(rules))
        assert status == 200, answer

    def begin(self, scenario: Scenario, store: str, place: Place) -> None:
        """The world before the command: once by the plays that make it so, then as a copy of what they left."""
        if copy := self._copies.get((scenario.name, store)):
            copy.make(place)
        else:
            scenario.begin(place, self.player)

    # -- one plan ------------------------------------------------------------------------------------------------------

    def perform(self, plan: Plan) -> Result:
        """Disturb, run again until the command has its end, compare."""
        scenario, result = SCENARIOS[plan.scenario], Result()
        wanted = self.undisturbed(plan.scenario, plan.store)
        place = self.place(plan.store)
        self.begin(scenario, plan.store, place)
        before, known = place.deployments(), len(place.records())
        self.bed.admin("DELETE", "/_bed/calls")
        try:
            arguments = scenario.arguments(place)
            self._disturb(plan, arguments, result)
            self._again(scenario, place, known, arguments, result)
            place.rest()
        except (StuckError, AssertionError) as problem:
            result.problems.append(f"stuck: {problem}")
        else:
            self._judge(scenario, place, known, before, wanted, result)
        finally:
            self.rules()
            place.remove()
        return result

    def _disturb(self, plan: Plan, arguments: tuple[str, ...], result: Result) -> None:
        """The first run, with the disturbance in it."""
        if plan.where.startswith("border"):
            cut = {"STEADY_CUT_AT": str(plan.number), "STEADY_CUT_BY": plan.what}
            result.runs.append(self.player.run(*arguments, **cut))
            result.reached = len(self.player.borders_file.read_text(encoding="utf-8").splitlines()) == plan.number
            return
        self.rules(rule_of(plan))
        silent = plan.signal or plan.what.startswith("timeout")
        limit = {"STEADY_HTTP_LIMIT": str(HTTP_LIMIT)} if silent else {}
        self.player.start(*arguments, **limit)
        if plan.signal:
            ended = until(lambda: self._struck() or self.player.ended(0.01), 60, lambda: plan.name)
            assert ended
            self.player.end(plan.signal)
        result.runs.append(self.player.wait())
        result.reached = self._struck()
        self.rules()

    def _struck(self) -> bool:
        return any("fault" in call for call in self.calls())

    def _again(self, scenario: Scenario, place: Place, known: int, arguments: tuple[str, ...], result: Result) -> None:
        """The same command until it has come to its end and said so. Of a bad release it would be a new attempt."""
        for _ in range(TRIES):
            last = result.runs[-1].outcome
            over = any(each["state"] == scenario.state for each in made(scenario, place, known))
            if over and clear(place) and (last in scenario.final or scenario.state == "rolled_back"):
                return
            if last in scenario.final and not over:
                result.problems.append(f"run {len(result.runs)} says {last}, and no record is {scenario.state}")
                return
            if over and scenario.state == "rolled_back":
                result.anew += 1
            result.runs.append(self.player.run(*arguments))
        result.problems.append(f"not at its end after {TRIES} more runs; outcomes {outcomes(result)}")

    def _judge(
        self, scenario: Scenario, place: Place, known: int, before: int, wanted: Undisturbed, result: Result
    ) -> None:
        attempts = [each for each in made(scenario, place, known) if each["state"] == scenario.state]
        most = 1 + result.anew
        checks: dict[str, tuple[Any, Any]] = {
            "end state": (wanted.state, place.state()),
            "deployments": (wanted.deployments * most, place.deployments() - before),
            f"records {scenario.state}": (most, len(attempts)),
            "open": (None, place.head().get("open")),
            "lease": (None, place.head().get("lease")),
            "other records": ([], others(scenario, place, known)),
            "secret in an output or document": ([], leaks(place, result)),
            "dishonest outcomes": ([], dishonest(scenario, result)),
            "exit status": ([], [run.outcome for run in result.runs if (run.status == 0) != went_well(scenario, run)]),
        }
        result.problems += [f"{name}: expected {a}, found {b}" for name, (a, b) in checks.items() if a != b]


def went_well(scenario: Scenario, run: Ended) -> bool:
    """Whether a run has to end with 0."""
    return run.outcome in scenario.final and scenario.state != "rolled_back"


def rule_of(plan: Plan) -> Answer:
    """The bed's fault rule for a plan at a call. A call that is never answered is open until its client is gone."""
    if plan.signal:
        kind = "timeout_after" if plan.what.endswith(AFTER) else "timeout"
        return {"access_key": KEY, "at_call": plan.number, "kind": kind}
    if plan.what == "expired":  # and stays so until somebody logs in again
        return {"access_key": KEY, "skip": plan.number - 1, "kind": "expired"}
    rule: Answer = {"access_key": KEY, "at_call": plan.number, "kind": plan.what}
    return {**rule, "stale": STALE} if plan.what == "stale" else rule


def made(scenario: Scenario, place: Place, known: int) -> list[Answer]:
    """Records of the scenario's kind that this plan made."""
    return [each for each in place.records()[known:] if each["kind"] == scenario.kind]


def others(scenario: Scenario, place: Place, known: int) -> list[str]:
    """Records that ought not to be: anything but one baseline, and what was given up in favour of the next."""
    found = place.records()[known:]
    wrong = [each for each in found if each["kind"] not in (scenario.kind, "baseline")]
    wrong += [each for each in found if each["kind"] == "baseline" and each["state"] != "succeeded"]
    wrong += [each for each in made(scenario, place, known) if each["state"] not in (scenario.state, "abandoned")]
    baselines = [each for each in found if each["kind"] == "baseline"]
    return [f"{each['seq']} {each['kind']} {each['state']}" for each in wrong + baselines[1:]]


def clear(place: Place) -> bool:
    """Whether nothing is open and nobody holds the service."""
    head = place.head()
    return head.get("open") is None and head.get("lease") is None


def outcomes(result: Result) -> list[str]:
    """The words of all runs."""
    return [run.outcome for run in result.runs]


def leaks(place: Place, result: Result) -> list[str]:
    """Where a secret value shows up."""
    report = place.reports
    files = [path for path in report.rglob("*") if path.is_file()]
    found = [f"run {number}" for number, run in enumerate(result.runs, 1) if CANARY in run.text]
    found += [name for name, data in place.documents().items() if CANARY.encode() in data]
    return found + [path.name for path in files if CANARY.encode() in path.read_bytes()]


def dishonest(scenario: Scenario, result: Result) -> list[str]:
    """Runs that call an application failed that is well, or well that is not: a disturbance says nothing about it."""
    wrong = {"failed", "failed_rolled_back", "proven", "unchanged", "superseded"} - set(scenario.final)
    return [f"run {number}: {run.outcome}" for number, run in enumerate(result.runs, 1) if run.outcome in wrong]
