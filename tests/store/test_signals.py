"""What a signal does to the store of a run that works on a release: one suite for the folder and the bucket."""

from tests.store.conftest import LIVE, RECORD, Place, interrupt, opened


def test_an_interruption_is_noted_and_leaves_the_release_open(place: Place) -> None:
    store = opened(place)
    before = store.record(2)
    arn = f"{LIVE['task_definition'][:-2]}75"
    interrupt(store, 2, {"task_definition": arn, "deployment": None})
    record = place.store().record(2)
    assert (record["log"][-1]["state"], record["state"]) == ("interrupted", "applying")
    assert record["steps"]["task_definition"] == arn and record["n"] == before["n"] + 1
    assert place.store().head()["open"] == 2


def test_an_interruption_never_raises(place: Place) -> None:
    interrupt(place.store(), 1)  # there is nothing at all
    assert place.store().head()["seq"] == 0
    opened(place)
    final = place.store().record(1)
    interrupt(place.store(), 1)
    assert place.store().record(1) == final, "a final record has nothing to note"
    place.write(RECORD, b"{}")
    interrupt(place.store(), 2)
    assert place.read(RECORD) == b"{}"
    assert place.store().in_handler(lambda: {}["nothing"]) is False
