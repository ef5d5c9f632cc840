"""Carry out a plan (a scenario, faults at calls, and the same command again) and say what is wrong afterwards.

The assertions are those of section 6 of the decisions on faults: the world equals the undisturbed one, exactly one
release of the intent succeeded, nothing is open, no record lies, and no canary stands anywhere but in a revision.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.faults.model import scenarios
from tests.faults.model.cloud import Cloud
from tests.faults.model.ecs import BY_HAND, Answer
from tests.faults.model.scenarios import BY_NAME, CANARY, Command, Ended, documents, is_live, play, seen, succeeded
from tests.faults.model.wire import BORDER, LATENCY, Run

MOST_RUNS = 5
AGAIN = 5.0
"""Seconds until a person types the command again."""
FRESH = 2.0
"""Seconds for which a look at the service is good enough to write on, as docs/reliability.md promises."""
DONE = {"proven", "unchanged"}
MILD = {"throttle", "unavailable", "reset", "timeout", "stale", "lost", "error_after", "late", "pause", "pause_after"}
"""Faults through which the very first run comes to its end: one attempt of one call, or the process stood still."""
PASSES = {"kill_before", "kill_after", "int_before", "term_after", "expired", BORDER}
"""Faults after which the next run goes on; no release fails of them."""


@dataclass(frozen=True)
class Fault:
    """What happens at one call (or, for a border, before one task) of one run."""

    run: int
    at: int
    kind: str

    def __str__(self) -> str:
        return f"{self.run}:{self.at}:{self.kind}"


@dataclass(frozen=True)
class Plan:
    """One experiment. ``then``: what is typed after the first run, if it is something else."""

    scenario: str
    faults: tuple[Fault, ...] = ()
    then: str = ""
    files: bool = False

    def __str__(self) -> str:
        """Its identity in the result file; :func:`plan_of` reads it back."""
        place = "files" if self.files else "s3"
        return "|".join((self.scenario, place, " ".join(map(str, self.faults)), self.then))


def plan_of(text: str) -> Plan:
    """The plan with this identity."""
    scenario, place, faults, then = text.split("|")
    found = []
    for each in faults.split():
        run, at, kind = each.split(":")
        found.append(Fault(int(run), int(at), kind))
    return Plan(scenario, tuple(found), then, place == "files")


@dataclass
class Done:
    """What became of a plan."""

    plan: Plan
    wrong: list[str] = field(default_factory=list)
    outcomes: list[str] = field(default_factory=list)
    calls: int = 0


FOLLOWERS = {
    "other": Command("deploy", scenarios.OTHER),
    "bad": Command("deploy", scenarios.BAD),
    "rollback": Command("rollback", scenarios.INVENTORY),
}


def _unseen(_number: int, _ended: Ended) -> None:
    """Nobody watches."""


def carried_out(plan: Plan, see: Callable[[int, Ended], None] = _unseen) -> Done:
    """Carry it out, and judge. ``see`` is called after each run."""
    scenario, done = BY_NAME[plan.scenario], Done(plan)
    cloud = scenario.start(plan.files)
    start = documents(cloud)[0]["seq"]
    random.seed(str(plan))
    ended: list[Ended] = []
    expected: Expected | None = None
    closed = new_attempt = False
    for number in range(MOST_RUNS):
        command = scenario.command if number == 0 or not plan.then else FOLLOWERS[plan.then]
        ended.append(play(cloud, command, _run(cloud, plan, number)))
        new_attempt |= number > 0 and closed
        closed = _closed(cloud, start)
        see(number, ended[-1])
        cloud.seconds += AGAIN
        if number == 0 and plan.then:
            expected = after_crash(cloud, plan)
        elif has_ended(ended[-1].outcome.word, scenario.proves and plan.then != "bad"):
            break
    done.outcomes = [_word(each) for each in ended]
    done.calls = sum(len(each.run.trace) for each in ended)
    done.wrong = [*_shown(cloud, ended), *_end(cloud, plan, ended)]
    if expected is not None:
        done.wrong += expected.compared(cloud, ended)
    else:
        done.wrong += _compared(cloud, plan, ended, start, new_attempt)
    return done


def _closed(cloud: Cloud, start: int) -> bool:
    """Whether the release of the command has ended without success: the same command again is a new attempt."""
    _head, records = documents(cloud)
    made = [each for seq, each in records.items() if seq > start and each["kind"] != "baseline"]
    return bool(made) and made[-1]["state"] in ("rolled_back", "failed")


def _run(cloud: Cloud, plan: Plan, number: int) -> Run:
    faults = {each.at: each.kind for each in plan.faults if each.run == number and each.kind != BORDER}
    borders = [each.at for each in plan.faults if each.run == number and each.kind == BORDER]
    return Run(cloud, faults, name=f"run {number}", dies_before_task=borders[0] if borders else None)


def _word(ended: Ended) -> str:
    return "killed" if ended.outcome.killed else str(ended.outcome.word)


def has_ended(word: str | None, proves: bool) -> bool:
    """Whether nobody would type the command again."""
    return word in DONE if proves else word == "failed_rolled_back"


def _shown(cloud: Cloud, ended: list[Ended]) -> list[str]:
    """Secrets, defects, and handlers that raised."""
    wrong = [each for run in ended for each in run.run.wrong]
    for number, each in enumerate(ended):
        wrong += [f"run {number} showed a secret: {line[:200]}" for line in each.run.shown if CANARY in line]
    wrong += [f"{key} holds a secret" for key, (data, _etag) in cloud.objects.items() if CANARY.encode() in data]
    return wrong


def _end(cloud: Cloud, plan: Plan, ended: list[Ended]) -> list[str]:
    """What must be so whatever was wanted: the last word said, nothing open, no record that lies."""
    proves = BY_NAME[plan.scenario].proves and plan.then != "bad"
    words, wrong = [_word(each) for each in ended], []
    if not has_ended(ended[-1].outcome.word, proves):
        wrong.append(f"{words}: {ended[-1].outcome.detail}")
    for each in ended:
        if not each.outcome.killed and each.outcome.word is None:
            wrong.append("a run ended without its last word")
        elif not each.outcome.killed and (each.outcome.word in DONE) == each.outcome.failed:
            wrong.append(f"outcome {each.outcome.word}, and the process said {each.outcome.failed}")
    strong = {each.kind for each in plan.faults} <= MILD | PASSES
    if proves and strong and len(plan.faults) < 2:
        wrong += [f"one fault, and a release failed: {words}" for each in words if each.startswith("failed")]
    return wrong + tidy(cloud, words[-1])


def tidy(cloud: Cloud, last: str) -> list[str]:
    """The head and the records when nobody runs. An unchanged run writes nothing, so it may leave a head to be settled
    by the next one, as long as the record that it names is closed."""
    head, records = documents(cloud)
    wrong = [f"release {each['seq']} is {each['state']}" for each in records.values() if not scenarios.final(each)]
    if last != "unchanged":
        wrong += [f"{name} is {head[name]}" for name in ("open", "lease") if head[name] is not None]
    open_record = records.get(head["open"])
    current = open_record if open_record and succeeded(open_record) else records.get(head["current"])
    seen(cloud)
    if current and not is_live(current, cloud):
        wrong.append(f"release {current['seq']} is current and not live: {cloud.seen()}")
    return wrong


def _compared(cloud: Cloud, plan: Plan, ended: list[Ended], start: int, new_attempt: bool) -> list[str]:
    """Against the undisturbed run."""
    scenario = BY_NAME[plan.scenario]
    expected, found = dict(scenario.undisturbed(plan.files)[0]), seen(cloud)
    words = [_word(each) for each in ended]
    if new_attempt:
        expected.pop("begun"), found.pop("begun")
    elif not scenario.proves and "outage" in str(plan):  # what fails before it is rolled out is not rolled out
        for name in ("begun", "revisions"):
            expected.pop(name), found.pop(name)
    if found != expected:
        differ = {name: (found[name], expected[name]) for name in expected if found[name] != expected[name]}
        return [f"differs from the undisturbed run (found, expected): {differ}; {words}"]
    return _releases(documents(cloud)[1], start, scenario)


def _releases(records: dict[int, Answer], start: int, scenario: scenarios.Scenario) -> list[str]:
    made = [each for seq, each in records.items() if seq > start and each["kind"] != "baseline"]
    good = [each["seq"] for each in made if succeeded(each)]
    if len(good) != (1 if scenario.proves else 0):
        return [f"releases that succeeded: {good} of {[(each['seq'], each['state']) for each in made]}"]
    baselines = [each["seq"] for seq, each in records.items() if each["kind"] == "baseline" and seq > start]
    if len(baselines) > (0 if scenario.before else 1):
        return [f"baselines {baselines}"]
    return []


@dataclass(frozen=True)
class Expected:
    """What must be live after a crash and another intent."""

    image: str
    grace: int
    duration: str

    def compared(self, cloud: Cloud, ended: list[Ended]) -> list[str]:
        found = of_world(cloud)
        words = [_word(each) for each in ended]
        return [] if found == self else [f"live is {found}, expected {self}; {words}"]


def of_world(cloud: Cloud) -> Expected:
    """What is live, by content."""
    seen(cloud)
    image = cloud.revisions[cloud.primary["revision"]]["containerDefinitions"][0]["image"]
    return Expected(image, cloud.settings["healthCheckGracePeriodSeconds"], cloud.attributes[scenarios.DURATION])


def of_intent(variables: Answer) -> Expected:
    """What an intent brings about."""
    grace = variables["rollout_settings"]["healthCheckGracePeriodSeconds"]
    duration: Any = variables["target_group_attributes"][scenarios.DURATION]
    return Expected(variables["rollout_images"]["web"], grace, str(duration))


def after_crash(cloud: Cloud, plan: Plan) -> Expected:
    """What the follower must bring about, seen from the moment when the first run is dead.

    A rollback undoes what is open; where the dead run had opened nothing, or had ended already, it goes back from what
    is current.
    """
    if plan.then == "other":
        return of_intent(scenarios.OTHER)
    head, records = documents(cloud)
    scenario = BY_NAME[plan.scenario]
    made = [each for seq, each in records.items() if each["kind"] == "deploy" and not scenarios.final(each)]
    won = [each for each in records.values() if succeeded(each) and each["kind"] == "deploy"]
    intents = [each.variables for each in scenario.before]
    if len(won) > len(intents):  # it died after its last word
        intents.append(scenario.command.variables)
        made = []
    if plan.then == "bad":
        return of_intent(intents[-1])
    return of_intent(intents[-1] if made and head["open"] == made[-1]["seq"] else intents[-2])


# -- somebody works past the lease


def _unseen(cloud: Cloud) -> bool:
    """Whether ours replaced the edit on a look from before it that was still fresh: UpdateService has no condition."""
    edit, looked = cloud.edit
    begun = [each["of"] for each in cloud.rollouts.values()]
    after = [*cloud.rollouts.values()][begun.index(edit) + 1 :]
    return bool(after) and after[0]["createdAt"] - looked < FRESH + 2 * LATENCY


def beside_a_console(plan: Plan, see: Callable[[int, Ended], None] = _unseen) -> Done:
    """Play a command while somebody deploys by hand, and then the same command again.

    The edit survives, unless it was made before the release was opened (a baseline has it then). Who is overtaken says
    so, and nobody proves what is not live.
    """
    scenario, done = BY_NAME[plan.scenario], Done(plan)
    cloud = scenario.start(plan.files)
    random.seed(str(plan))
    first = play(cloud, scenario.command, _run(cloud, plan, 0))
    see(0, first)
    seen(cloud)
    done.outcomes.append(_word(first))
    baselines = [each for each in documents(cloud)[1].values() if each["kind"] == "baseline"]
    was_seen = any(each["before"]["task_definition"].endswith(f":{BY_HAND}") for each in baselines)
    at = plan.faults[0].at
    later = [each for each in first.run.trace[at:] if each.method in ("describe_services", "update_service")]
    is_verified = any(each.task == "service_health" and not each.write for each in later)
    if at < len(first.run.trace) and cloud.primary["revision"] != BY_HAND and not (was_seen or _unseen(cloud)):
        done.wrong.append(f"what was deployed by hand is gone; {done.outcomes}")
    if cloud.primary["revision"] == BY_HAND and first.outcome.word in DONE and is_verified:
        done.wrong.append(f"{first.outcome.word}, and what was deployed by hand is live")
    again = play(cloud, scenario.command)
    see(1, again)
    done.outcomes.append(_word(again))
    done.calls = len(first.run.trace) + len(again.run.trace)
    done.wrong += [*_shown(cloud, [first, again]), *tidy(cloud, done.outcomes[-1])]
    if again.outcome.word not in DONE:
        done.wrong.append(f"{done.outcomes}: {again.outcome.detail}")
    return done
