"""What a release store promises, in a folder and in S3 alike."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.edges import stores
from ansible_collections.steady.ecs.plugins.module_utils.edges.documents import record_name
from ansible_collections.steady.ecs.plugins.module_utils.rules import intent, records, release
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure

from tests.store.conftest import (
    ACCOUNT,
    GROUP,
    HEAD,
    LIVE,
    NAMES,
    RECORD,
    Clock,
    Place,
    heads,
    opened,
    opening,
    touched,
)

RACERS, ROUNDS = 8, 20
OTHER = LIVE["task_definition"].replace("web:74", "other:1")


def race(act: Callable[[int], Any]) -> list[Any]:
    """What each of eight threads got that began at the same time; a Conflict is an answer."""
    begin = threading.Barrier(RACERS)

    def run(number: int) -> Any:
        begin.wait(60)
        try:
            return act(number)
        except stores.Conflict as conflict:
            return conflict

    with ThreadPoolExecutor(RACERS) as pool:
        return list(pool.map(run, range(RACERS)))


def winners(answers: list[Any]) -> list[Any]:
    return [each for each in answers if not isinstance(each, stores.Conflict)]


# -- documents


def test_documents_come_back_as_they_were_written(place: Place) -> None:
    found = stores.transact(place.store(), opening(place.store()))
    assert place.names() == [HEAD, record_name(1), RECORD]
    assert json.loads(place.read(RECORD)) == found.record
    other = place.store()
    assert list(other.records()) == [1, 2]
    assert other.record(2)["write_id"] == found.record["write_id"]
    head = other.head()
    assert (head["seq"], head["open"], head["current"], head["lease"]) == (2, 2, 1, None)
    assert place.store().place.endswith("/".join(NAMES.values()))
    assert bool(place.store().scope) != place.store().place.startswith("s3://"), "a folder is one machine's"


def test_reading_makes_nothing(place: Place) -> None:
    store = place.store()
    assert store.head() == records.new_head()
    assert dict(store.records()) == {}
    with pytest.raises(Failure, match="Release 7 is not on record in ") as refused:
        store.record(7)
    assert refused.value.fields["reason"] == "no_such_release"
    assert place.names() == []


def test_a_record_is_read_when_it_is_asked_for(place: Place) -> None:
    opened(place)
    place.write(record_name(1), b"rubbish")
    known = place.store().records()
    assert (known[2]["seq"], sorted(known), len(known), 3 in known, known.get(None)) == (2, [1, 2], 2, False, None)
    with pytest.raises(Failure, match="is not used"):
        dict(known)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("account", "1234"),
        ("region", "../x"),
        ("cluster", "a/b"),
        ("service", ".."),
        ("service", ""),
        ("service", "a\n"),
    ],
)
def test_a_name_that_would_leave_the_store_is_refused(place: Place, field: str, value: str) -> None:
    with pytest.raises(Failure, match=f"{field} .* Correct it in the inventory" if value else "Region|service"):
        place.store(**{field: value})


# -- several runs


def test_a_number_is_given_once(place: Place) -> None:
    store = opened(place)
    record = store.record(2)
    before = place.read(RECORD)
    for each in (store, place.store()):
        with pytest.raises(stores.Conflict, match="another run.*Wait until") as refused:
            each.apply([release.Write(release.CREATE, {**record, "nonce": "other", "write_id": "other.1"})])
        assert refused.value.fields["reason"] == "store_conflict"
    assert place.read(RECORD) == before


def test_what_another_run_wrote_since_is_not_overwritten(place: Place) -> None:
    opened(place)
    mine, other = place.store(), place.store()
    head, record = mine.head(), mine.record(2)
    other.apply(heads(touched(other.head(), nonce="other")))
    other.apply([release.Write(release.REPLACE, touched(other.record(2), nonce="other"))])
    with pytest.raises(stores.Conflict):
        mine.apply(heads(touched(head, nonce="mine")))
    assert mine.remembered_head() is None
    with pytest.raises(stores.Conflict):
        mine.apply([release.Write(release.REPLACE, touched(record, nonce="mine"))])
    assert (place.store().head()["nonce"], place.store().record(2)["nonce"]) == ("other", "other")
    mine.apply(heads(touched(mine.head(), nonce="mine")))
    mine.apply([release.Write(release.REPLACE, touched(mine.record(2), nonce="mine"))])
    assert (place.store().head()["nonce"], place.store().record(2)["nonce"]) == ("mine", "mine")


def test_one_run_writes_on_without_reading_again(place: Place) -> None:
    store = opened(place)
    head = store.head()
    for _ in range(3):
        head = touched(head)
        store.apply(heads(head))
    assert place.store().head()["n"] == head["n"]


def test_an_edit_by_hand_that_keeps_the_write_id_is_a_change_too(place: Place) -> None:
    store = opened(place)
    head = store.head()
    place.write(HEAD, json.dumps({**head, "epoch": head["epoch"] + 5}).encode())
    with pytest.raises(stores.Conflict):
        store.apply(heads(touched(head)))


def test_a_document_that_is_gone_is_not_written_anew(place: Place) -> None:
    store = opened(place)
    head, record = store.head(), store.record(2)
    place.remove(HEAD)
    place.remove(RECORD)
    with pytest.raises(stores.Conflict):
        store.apply(heads(touched(head)))
    with pytest.raises(stores.Conflict):
        store.apply([release.Write(release.REPLACE, touched(record))])
    assert place.names() == [record_name(1)]


def test_a_first_head_is_written_once(place: Place) -> None:
    mine, other = place.store(), place.store()
    mine.head()
    other.apply(heads(touched(other.head(), nonce="other")))
    with pytest.raises(stores.Conflict):
        mine.apply(heads(touched(records.new_head(), nonce="mine")))
    assert place.store().head()["nonce"] == "other"


def test_nothing_is_replaced_that_was_never_read(place: Place) -> None:
    opened(place)
    with pytest.raises(KeyError):
        place.store().apply(heads(records.new_head()))


def test_writes_are_made_in_order_up_to_the_first_conflict(place: Place) -> None:
    store = opened(place)
    head, record = store.head(), store.record(2)
    place.store().apply([])
    other = place.store()
    other.apply(heads(touched(other.head(), nonce="other")))
    third = {**record, "seq": 3}
    with pytest.raises(stores.Conflict):
        store.apply(
            [
                release.Write(release.CREATE, third),
                *heads(touched(head)),
                release.Write(release.CREATE, {**third, "seq": 4}),
            ]
        )
    assert place.names() == [HEAD, record_name(1), RECORD, record_name(3)]


def test_of_eight_that_create_one_record_exactly_one_does(place: Place) -> None:
    record = opened(place).record(2)
    runs = [place.store() for _ in range(RACERS)]
    for seq in range(3, 3 + ROUNDS):

        def create(number: int, seq: int = seq) -> str:
            mine = {**record, "seq": seq, "nonce": f"run{number}", "write_id": f"run{number}.1"}
            runs[number].apply([release.Write(release.CREATE, mine)])
            return f"run{number}"

        (winner,) = winners(race(create))
        assert place.store().record(seq)["nonce"] == winner


def test_of_eight_that_replace_one_head_exactly_one_does(place: Place) -> None:
    opened(place)
    runs = [place.store() for _ in range(RACERS)]
    for _round in range(ROUNDS):
        seen = [each.head() for each in runs]

        def replace(number: int, seen: list[Any] = seen) -> str:
            runs[number].apply(heads(touched(seen[number], nonce=f"run{number}")))
            return f"run{number}"

        (winner,) = winners(race(replace))
        assert place.store().head()["nonce"] == winner


def test_no_decision_of_several_runs_is_lost(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    opened(place)
    monkeypatch.setattr(stores, "PAUSE", 0.01)
    before, each_one = place.store().head()["epoch"], 3

    def count(number: int) -> None:
        store = place.store()

        def more(head: records.Document) -> tuple[list[release.Write], None]:
            return heads(touched(head, nonce=f"run{number}", epoch=head["epoch"] + 1)), None

        for _ in range(each_one):
            stores.transact_head(store, more, attempts=RACERS * each_one)

    assert winners(race(count)) == [None] * RACERS
    assert place.store().head()["epoch"] == before + RACERS * each_one


def test_a_decision_is_made_again_on_what_the_other_wrote(place: Place, clock: Clock) -> None:
    store, other = opened(place), place.store()
    seen = []

    def decide(head: records.Document, known: stores.Records) -> tuple[list[release.Write], str]:
        seen.append((head["nonce"], known[2]["nonce"]))
        if len(seen) == 1:
            other.apply(heads(touched(other.head(), nonce="other")))
            other.apply([release.Write(release.REPLACE, touched(other.record(2), nonce="other"))])
        return heads(touched(head, nonce="mine")), "done"

    assert stores.transact(store, decide) == "done"
    assert seen == [("nonce", "nonce"), ("other", "other")]
    assert place.store().head()["nonce"] == "mine"


def test_a_decision_that_always_comes_too_late_ends(place: Place, clock: Clock) -> None:
    store, other, decided = opened(place), place.store(), []

    def decide(head: records.Document) -> tuple[list[release.Write], None]:
        decided.append(clock.now())
        other.apply(heads(touched(other.head(), nonce="other")))
        return heads(touched(head, nonce="mine")), None

    with pytest.raises(stores.Conflict):
        stores.transact_head(store, decide)
    assert len(decided) == stores.ATTEMPTS + 1, "the first on what the store remembers"
    assert 1 < decided[-1] - decided[0] < 20, "seconds between the attempts, not a busy loop"
    assert place.store().head()["nonce"] == "other"


def test_a_remembered_head_saves_a_read_and_decides_nothing_else(place: Place) -> None:
    opened(place)
    store, other, seen = place.store(), place.store(), list[str]()

    def decide(head: records.Document, write: bool = True) -> tuple[list[release.Write], str]:
        seen.append(head["nonce"])
        if head["nonce"] == "refused":
            raise Failure("no", reason="held")
        return heads(touched(head, nonce="mine")) if write else [], head["nonce"]

    reads, read = list[int](), store.head
    store.head = lambda: reads.append(1) or read()
    stores.transact_head(store, decide)
    stores.transact_head(store, decide)
    assert (seen, reads) == (["nonce", "mine"], [1])
    other.apply(heads(touched(other.head(), nonce="other")))
    assert stores.transact_head(store, lambda head: decide(head, write=False)) == "other", "nothing is written: look"
    other.apply(heads(touched(other.head(), nonce="another")))
    assert stores.transact_head(store, decide) == "another"
    other.apply(heads(touched(other.head(), nonce="refused")))
    with pytest.raises(Failure, match="no"):
        stores.transact_head(store, decide)
    other.apply(heads(touched(other.head(), nonce="given back")))
    assert stores.transact_head(store, decide) == "given back", "what was refused once may be free by now"


def test_what_a_decision_raises_is_not_tried_again(place: Place) -> None:
    calls = []

    def decide(_head: records.Document) -> tuple[list[release.Write], None]:
        calls.append(1)
        raise Failure("no", reason="held")

    with pytest.raises(Failure, match="no"):
        stores.transact_head(place.store(), decide)
    assert calls == [1] and place.names() == []


# -- what is read is input


def declaring(attributes: dict[str, Any], **definition: str) -> records.Document:
    """``intent`` of a release."""
    made = intent.intent(LIVE["task_definition"], {}, {}, {}, {}, {})
    return {**made, "task_definition": {**made["task_definition"], **definition}, "attributes": attributes}


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"schema": 2}, "schema is 2"),
        ({"schema": None}, "schema is None"),
        ({"seq": 7}, "says seq 7"),
        ({"state": "done"}, "state must be one of"),
        ({"surprise": 1}, "surprise"),
        ({"target": {**NAMES, "service": "other", "target_groups": []}}, "another service"),
        ({"before": {**LIVE, "task_definition": LIVE["task_definition"].replace(ACCOUNT, "1" * 12)}}, "no ARN of this"),
        ({"before": {**LIVE, "attributes": {GROUP: {"a": 1}}}}, "not text"),
        ({"before": {**LIVE, "attributes": {"arn:aws:s3:::x": {}}}}, "no ARN of this"),
        ({"before": {**LIVE, "attributes": {GROUP: "x"}}, "intent": declaring({GROUP: {"a": "1"}})}, "not text"),
        ({"before": LIVE, "intent": declaring({GROUP: {"a": 1}})}, "not text"),
        ({"before": LIVE, "intent": declaring({}, revision=OTHER)}, "other:1.* is no revision of .web"),
        ({"before": LIVE, "intent": declaring({}, family="other")}, "web:74.* is no revision of .other"),
        ({"before": {**LIVE, "task_definition": OTHER}}, "other:1.* is no revision of .web"),
        ({"steps": {**dict.fromkeys(records.STEPS), "task_definition": OTHER}}, "other:1.* is no revision of .web"),
        ({"log": "none"}, "log"),
    ],
)
def test_a_record_that_was_tampered_with_is_refused(place: Place, change: dict[str, Any], complaint: str) -> None:
    opened(place)
    place.write(RECORD, json.dumps({**json.loads(place.read(RECORD)), **change}).encode())
    with pytest.raises(Failure, match=rf"{RECORD} is not used: .*{complaint}.*\. Restore ") as refused:
        place.store().record(2)
    assert refused.value.fields["reason"] == "untrusted_document"


@pytest.mark.parametrize("name", [HEAD, RECORD])
@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[1]", b"[" * 100_000, b"1" * 300_000, b"\xff\xfe", b"null", json.dumps({"schema": 99}).encode()],
    ids=["empty", "cut off", "list", "deep", "huge", "no text", "null", "schema 99"],
)
def test_what_is_no_document_is_refused(place: Place, name: str, data: bytes) -> None:
    opened(place)
    place.write(name, data)
    store = place.store()
    with pytest.raises(Failure, match="is not used: .* Restore ") as refused:
        stores.transact(store, lambda head, known: (heads(head), known[2]))
    assert refused.value.fields["reason"] == "untrusted_document"
    assert place.read(name) == data


def test_what_is_too_large_is_refused_for_that(place: Place) -> None:
    store = opened(place)
    place.write(HEAD, place.read(HEAD).rstrip() + b" " * records.SIZE_LIMIT)
    with pytest.raises(Failure, match="head.json is not used: it is larger than 256 KB. Restore "):
        store.head()


def test_a_document_of_256_kb_is_read_and_a_larger_one_is_not_written(place: Place) -> None:
    store = opened(place)
    record = store.record(2)
    wide = {**record, "audit": {**record["audit"], "why": "x" * (records.SIZE_LIMIT - 8 * 1024)}}
    store.apply([release.Write(release.REPLACE, touched(wide))])
    assert len(place.store().record(2)["audit"]["why"]) == records.SIZE_LIMIT - 8 * 1024
    before = place.read(RECORD)
    wider = {**record, "audit": {**record["audit"], "why": "x" * records.SIZE_LIMIT}}
    with pytest.raises(Failure, match="larger than 256 KB. Declare less"):
        store.apply([release.Write(release.REPLACE, touched(wider))])
    assert place.read(RECORD) == before


def test_what_could_not_be_read_back_is_not_written(place: Place) -> None:
    store = opened(place)
    before = place.read(HEAD), place.read(RECORD)
    for wrong in (*heads({**store.head(), "schema": 2}), release.Write(release.REPLACE, {**store.record(2), "log": 1})):
        with pytest.raises(TypeError):
            store.apply([wrong])
    assert (place.read(HEAD), place.read(RECORD)) == before


def test_other_names_among_the_records_are_not_records(place: Place) -> None:
    opened(place)
    names = ("notes.json", "00000009.json.bak", "-1.json", "2.json", "\u00b2.json", "0000000\u00b2.json")
    for name in [f"releases/{each}" for each in names]:
        place.write(name, b"x")
    assert list(place.store().records()) == [1, 2]
