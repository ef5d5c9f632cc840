"""Documents of a store that somebody has edited: refused by name, or of a form with which all that read them work."""

from __future__ import annotations

import copy
import json
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.edges import store_files
from ansible_collections.steady.ecs.plugins.module_utils.edges.documents import HEAD_NAME, Documents, Found, record_name
from ansible_collections.steady.ecs.plugins.module_utils.rules import (
    by_hand,
    history,
    intent,
    lease,
    one_off,
    plan,
    promotion,
    pruning,
    records,
    release,
    report,
    report_markdown,
    restore,
    states,
    status,
    undeclared,
    unlocking,
    verbs,
)
from ansible_collections.steady.ecs.plugins.module_utils.rules.declaration import DeclarationError
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure

from tests.unit.modules.records_of import ACCOUNT, CAUSE, LATER, NOTHING, REGION, Kept

IDENTITY = records.Identity(ACCOUNT, REGION, "c1", "web")
GROUP = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:targetgroup/web/6cd8923ffc120347"
IMAGE = f"example.com/app:1@sha256:{'1' * 64}"
GONE = object()
ODD: list[Any] = [GONE, None, "", "\ud800", -1, 1.5, 10**400, [None], {"a": None}]
"""What may stand in the place of a value."""
BALANCER = {
    "targetGroupArn": GROUP,
    "containerName": "app",
    "containerPort": 80,
    "advancedConfiguration": {"alternateTargetGroupArn": f"{GROUP}2", "productionListenerRule": "arn:rule"},
}
SERVICE = {
    "serviceName": "web",
    "status": "ACTIVE",
    "desiredCount": 3,
    "runningCount": 3,
    "pendingCount": 0,
    "loadBalancers": [{"targetGroupArn": GROUP, "containerName": "app", "containerPort": 80}],
    "deployments": [{"id": "ecs-svc/1", "status": "PRIMARY", "rolloutState": "COMPLETED"}],
}


class Edited(Documents):
    """A store whose documents are what a test says."""

    def __init__(self, documents: dict[str, Any]) -> None:
        super().__init__(IDENTITY, "here")
        self.documents = documents

    def with_one(self, name: str, document: Any) -> Edited:
        """The same with another document there; what has ended is read once for all of them."""
        found = Edited({**self.documents, name: document})
        found._final = {seq: each for seq, each in self._final.items() if record_name(seq) != name}
        return found

    def fetch(self, name: str) -> Found | None:
        found = self.documents.get(name)
        return None if found is None else Found(found if isinstance(found, bytes) else json.dumps(found).encode(), "1")

    def put(self, name: str, data: bytes, version: str | None) -> str:
        return "1"

    def numbers(self) -> list[int]:
        return [int(name[9:17]) for name in self.documents if name != HEAD_NAME]

    def now(self) -> str:
        return LATER

    def in_handler(self, act: Callable[[], object]) -> bool:
        return bool(act())


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A baseline, a deploy that was proven, one that failed, a rollback, a verb, a release that is open; a lease."""
    kept = Kept(tmp_path_factory.mktemp("store"))
    kept.live["attributes"] = {GROUP: {"duration": "1"}}
    kept.live["settings"] = {
        "healthCheckGracePeriodSeconds": 60,
        "deploymentConfiguration": {"maximumPercent": 200},
        "loadBalancers": [BALANCER],
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"]}},
        "serviceConnectConfiguration": {"enabled": True, "logConfiguration": {"options": {"a": "b"}}},
        "tags": {"team": "a"},
    }
    declared = {"healthCheckGracePeriodSeconds": 30, "tags": {"team": "b"}, "desiredCount": 4}
    proven = kept.released(2, settings=declared, attributes={GROUP: {"duration": "2"}}, images={"app": IMAGE})
    kept.released(3, "failed_rolled_back", cause=CAUSE)
    kept.operated("run_task", {"cause": CAUSE, "task": "1", "verdict": "failed"}, "exit code 3")
    kept.leased()
    kept.opened()
    names = [HEAD_NAME, *(record_name(number) for number in kept.store.numbers())]
    found = {name: json.loads((kept.store.folder / name).read_text()) for name in sorted(names)}
    found[record_name(proven)]["verdict"].update(
        checks=[{"name": "targets", "ok": True, "detail": "3/3"}],
        timeline=[{"seconds": 1.0, "text": "the first task is healthy"}],
        images={"app": IMAGE},
    )
    return found


def places(document: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where in a document there is a value."""
    pairs = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    for name, value in pairs:
        yield (*path, name)
        yield from places(value, (*path, name))


def edited(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    """A copy with another value there."""
    found = copy.deepcopy(document)
    place = found
    for name in path[:-1]:
        place = place[name]
    if value is GONE:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return found


def readers(store: Edited, number: int) -> Iterator[Callable[[], object]]:
    """Everything that decides by these documents, or shows them."""
    head, known = store.head(), store.records()
    record = store.record(number)
    live = {**known[2]["before"], "task_definition": f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/web:2"}
    service = {**SERVICE, "taskDefinition": live["task_definition"]}
    whole = plan.Live(service, {"containerDefinitions": [{"name": "app", "image": "example.com/app:0"}]})
    entry = history.entry(record)
    yield lambda: json.dumps(entry)
    yield lambda: history.line(entry).encode()
    yield lambda: "\n".join(history.whole(entry)).encode()
    yield lambda: history.summary(release.settled(head, known), len(known), entry).encode()
    yield lambda: states.differences(states.state_of(record, known), live)
    yield lambda: (states.declared(record), states.changed_settings(record), states.scales(head, known))
    yield lambda: (release.explained(1, known, live), release.opened(head, known))
    for wanted in (None, number, "5d290ed"):
        yield lambda wanted=wanted: restore.choose(head, known, live, wanted)
    restored = restore.restoration(record, known, live)
    yield lambda: restore.changes(restored, live)
    yield lambda: by_hand.commands(record["target"], restored, service)
    yield lambda: (restore.standing(record, known), restore.rules_of_pairs(restored, known, live))
    yield lambda: restore.damage(record, known, live, service, [])
    yield lambda: restore.others(known, record, live)
    base = restore.way_back(record, known)
    yield lambda: base and restore.command("rollback.yml", record, base, known)
    family = live["task_definition"].rsplit(":", 1)[0]
    active = [f"{family}:{each}" for each in range(1, 5)]
    settled = release.settled(head, known)
    yield lambda: pruning.refusal(settled, known, 1)
    yield lambda: pruning.plan(active, settled["current"], known, 1, []).as_lines()
    yield lambda: pruning.of_another(settled, known, 1, "another", active)
    yield lambda: promotion.chosen(known.written, known, None)
    names = {"attributes": {}, "settings": [], "task_definition": []}
    yield lambda: promotion.promotion(record, whole.definition, plan.Declared(), names)
    yield lambda: (status.at_work(head, known), status.proof(status.last_proven(known), known, live))
    answered = {**status.service(service, None), **status.at_work(head, known), "problems": []}
    answered.update(status.proof(status.last_proven(known), known, live))
    yield lambda: "\n".join(status.lines(answered)).encode()
    facts = report.facts({**service}, whole.definition, [], {})
    results = dict.fromkeys(("differences", "checks", "cause", "timeline", "traffic")) | {"endpoints": []}
    typed = {**restored, "command": "rollback.yml", "commands": [], "left": []}
    yield lambda: report_markdown.markdown(report.report(record, facts, results, typed)).encode()
    yield lambda: undeclared.differences(plan.Declared(), whole, record)
    yield lambda: undeclared.no_longer_declared(plan.Declared(), whole, record)
    yield lambda: undeclared.released_images(plan.Declared(), whole, record)
    seen = unlocking.found(head, release.opened(head, known))
    yield lambda: "\n".join(unlocking.lines(seen, LATER)).encode()
    yield lambda: lease.Watch().is_over(head, 5.0)
    yield lambda: lease.renewed(head, (head["lease"] or {}).get("nonce", ""))
    yield lambda: store.apply(anew(store, live))
    before = verbs.last_before(known, None, store.now)
    yield lambda: before and verbs.is_recent(before, LATER)
    for kind in records.OPERATIONS:
        yield lambda kind=kind: verbs.left_by_a_dead_run(record, kind, "ecs-svc/1")
    runs, _over = one_off.unfinished((known[each] for each in sorted(known, reverse=True)), store.now)
    yield lambda: one_off.forgotten(runs, {each.nonce: [] for each in runs}, LATER)
    if record["state"] not in records.FINAL:
        yield lambda: store.apply([release.Write(release.REPLACE, release.step(record, {"deployment": "d"}, LATER))])
        yield lambda: store.apply(release.closing(head, record, "failed", {"cause": CAUSE}, LATER))


def anew(store: Edited, live: dict[str, Any]) -> list[release.Write]:
    """What the next deployment writes first."""
    made = intent.intent(live["task_definition"], **NOTHING)
    request = release.Request(IDENTITY, "deploy", made, {"who": "ada"}, "next")
    head = lease.taken(store.head(), "next", 90, {"who": "ada", "host": "", "why": ""}, LATER)
    return release.opening(head, store.records(), request, live, LATER).writes


def defects(store: Edited, number: int) -> Iterator[str]:
    """What a reader ends with that names nothing to the one who reads it."""
    acts = readers(store, number)
    while True:
        try:
            act = next(acts, None)
            if act is None:
                return
            act()
        except (Failure, DeclarationError):
            continue
        except Exception as wrong:  # noqa: BLE001 whatever it is, it is what is looked for
            frames = traceback.extract_tb(wrong.__traceback__)[-3:]
            yield f"{type(wrong).__name__}: {wrong} in " + " ".join(f"{each.name}:{each.lineno}" for each in frames)


HEAD_PLACES = ("current", "epoch", "lease", "n", "nonce", "open", "schema", "seq", "write_id")
PARTS = [
    (HEAD_NAME, 2, HEAD_PLACES),
    (
        record_name(2),
        2,
        ("schema", "seq", "kind", "state", "base", "restores", "target", "audit", "epoch", "nonce", "n"),
    ),
    (record_name(2), 2, ("before", "intent", "steps")),
    (record_name(2), 2, ("verdict", "operation", "log", "write_id")),
    (record_name(4), 4, ("kind", "state", "verdict")),
    (record_name(5), 5, ("kind", "state", "operation")),
    (record_name(6), 6, ("kind", "state", "intent")),
]
"""Each place of each kind of document once: what all records have, in the one that a rollback goes by."""


@pytest.mark.parametrize(("name", "number", "parts"), PARTS)
def test_a_value_that_was_edited_is_refused_by_name_or_everybody_can_read_it(
    good: dict[str, Any], name: str, number: int, parts: tuple[str, ...]
) -> None:
    usual = Edited(good)
    assert list(defects(usual, number)) == []
    tried, refused, wrong = 0, 0, []
    for path in places(good[name]):
        for value in ODD if path[0] in parts else ():
            store = usual.with_one(name, edited(good[name], path, value))
            tried += 1
            try:
                store.head(), store.record(number)
            except Failure as failure:
                assert failure.fields["reason"] == "untrusted_document" and f"here/{name} is not used: " in failure.msg
                refused += 1
                continue
            wrong += [f"{'.'.join(map(str, path))}={value!r}: {each}" for each in defects(store, number)]
    assert wrong == []
    assert 0 < refused < tried


def test_every_place_is_edited(good: dict[str, Any]) -> None:
    for name in (HEAD_NAME, record_name(2)):
        assert set(good[name]) == {part for document, _number, parts in PARTS if document == name for part in parts}


@pytest.mark.parametrize("number", ["1e999", "-1e999", "NaN", "Infinity", "-Infinity", "1" + "0" * 400, "9" * 5000])
@pytest.mark.parametrize(("name", "field"), [(HEAD_NAME, "seq"), (HEAD_NAME, "n"), (record_name(2), "epoch")])
def test_a_number_beyond_all_is_no_number(good: dict[str, Any], name: str, field: str, number: str) -> None:
    text = json.dumps({**good[name], field: "here it stands"}).replace('"here it stands"', number)
    store = Edited({**good, name: text.encode()})
    with pytest.raises(Failure, match=rf"here/{name} is not used: it is not JSON") as refused:
        store.head(), store.record(2)
    assert refused.value.fields["reason"] == "untrusted_document"


@pytest.mark.parametrize("text", ["2025-11-27T10:00:00", "2025-11-27", "yesterday", ""])
@pytest.mark.parametrize("place", [("audit", "started"), ("audit", "finished"), ("log", 0, "t")])
def test_a_time_that_nobody_can_reckon_with_is_refused_by_name(
    good: dict[str, Any], place: tuple[Any, ...], text: str
) -> None:
    """How long it took, and how old it is, would end whoever asks."""
    name = record_name(2)
    store = Edited(good).with_one(name, edited(good[name], place, text))
    with pytest.raises(Failure, match=rf"here/{name} is not used: '{text}' is no time with its zone"):
        store.record(2)
    assert Edited(good).with_one(name, edited(good[name], place, "2025-11-27T11:00:00+01:00")).record(2)


@pytest.mark.parametrize("field", ["base", "restores"])
@pytest.mark.parametrize("number", [4, 5, 0, -1])
def test_a_release_comes_after_what_it_is_built_on_and_what_it_restores(
    good: dict[str, Any], field: str, number: int
) -> None:
    """One that restores itself would be followed for ever."""
    rollback = {**good[record_name(4)], "kind": "rollback", "state": "succeeded", field: number}
    store = Edited({**good, HEAD_NAME: {**good[HEAD_NAME], "current": 4, "open": None}, record_name(4): rollback})
    live = good[record_name(2)]["before"]
    for read in (
        lambda: store.record(4),
        lambda: restore.choose(store.head(), store.records(), live),
        lambda: pruning.plan([], 4, store.records(), 1, []),
    ):
        with pytest.raises(Failure, match=rf"its {field} {number} is no earlier release"):
            read()
    earlier = Edited({**good, record_name(4): {**rollback, field: 2}})
    assert restore.reached(earlier.record(4), earlier.records())


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"current": 7}, "its current 7 is none of 6 releases"),
        ({"open": 0}, "its open 0 is none of 6 releases"),
        ({"seq": -1, "current": None, "open": None}, "it says seq -1"),
        ({"lease": {"nonce": "a", "key": "a", "ttl_s": 90}}, "the key 'a' of its lease has no count"),
    ],
)
def test_a_head_that_no_run_has_written_is_refused(
    good: dict[str, Any], change: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(Failure, match=complaint):
        Edited({**good, HEAD_NAME: {**good[HEAD_NAME], **change}}).head()


@pytest.mark.parametrize("named", ["~nobody-of-this-name/store", None])
def test_a_home_that_is_not_known_is_named(monkeypatch: pytest.MonkeyPatch, named: str | None) -> None:
    """Some containers' users have none."""

    def unknown(_path: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    if named is None:
        monkeypatch.setattr(Path, "expanduser", unknown)
    with pytest.raises(
        Failure, match="has no place: Could not determine home directory.*Set release_store to"
    ) as wrong:
        store_files.root(named, {})
    assert wrong.value.fields["reason"] == "store_not_named"
    assert store_files.root(None, {"XDG_STATE_HOME": "/state"}) == Path("/state/steady")
