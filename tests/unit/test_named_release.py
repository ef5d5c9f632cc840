"""``rollback_to``: a number, a revision or a commit names one release, or none is taken for granted."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.edges.documents import Records
from ansible_collections.steady.ecs.plugins.module_utils.rules import named_release, restore
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure

from tests.unit.test_release import FAMILY, Service


def committed(service: Service, number: int, commit: str, inventory: str = "") -> None:
    service.records[number]["audit"].update(commit=commit, inventory_commit=inventory or None)


@pytest.fixture
def service() -> Service:
    """Baseline 1, proven 2 (web:75), failed 3, proven 4 (web:76)."""
    found = Service()
    found.deploy(75, "100")
    found.deploy(77, "150", outcome="failed")
    found.deploy(76, "200")
    committed(found, 2, "5d290ed1c0ffee", "aaaa1111bbbb")
    committed(found, 3, "9999999999")
    committed(found, 4, "1234567890", "aaaa1111cccc")
    return found


def seq(found: named_release.Named) -> int | None:
    return None if found.record is None else int(found.record["seq"])


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("2", 2),
        (" 4 ", 4),
        ("web:75", 2),
        (f"{FAMILY}:76", 4),
        ("web:74", 1),
        ("5d290ed", 2),
        ("5D290ED1C0", 2),
        ("1234567", 4),
        ("aaaa1111b", 2),
        ("5d290ed1c0ffee5d290ed1c0ffee5d290ed1c0ff", 2),
        ("AAAA1111CCCC" + "0" * 52, 4),
    ],
)
def test_a_number_a_revision_and_a_commit_name_a_release(service: Service, wanted: str, expected: int) -> None:
    found = named_release.find(service.records, wanted)
    assert seq(found) == expected
    assert restore.choose(service.head, service.records, service.live, wanted).record == found.record


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ("3", "ended failed"),
        ("9", "is not on record"),
        ("web:77", "No release on record is of revision web:77"),
        ("9999999", "No release on record is of commit 9999999"),
        ("5d290ed1c0ffef5d290ed1c0ffee5d290ed1c0ff", "No release on record is of commit 5d290ed1c0ffef"),
        ("5d290e", "at least seven digits"),
        ("--help", "neither a release number"),
    ],
)
def test_what_names_nothing_is_refused_with_what_there_is(service: Service, wanted: str, words: str) -> None:
    found = named_release.find(service.records, wanted)
    assert found.record is None and words in found.reason
    assert found.remedy == "Set rollback_to to one of: 1, 2, 4."


def test_a_beginning_that_several_share_is_refused_and_the_newest_proven_one_named(service: Service) -> None:
    found = named_release.find(service.records, "aaaa1111")
    assert found.record is None
    assert "2 (deploy, proven" in found.reason and "4 (deploy, proven" in found.reason
    assert "-e rollback_to=4" in found.remedy


def test_a_proven_release_comes_before_an_unproven_one_of_the_same_name(service: Service) -> None:
    service.deploy(74, "300")
    assert seq(named_release.find(service.records, "web:74")) == 5, "and not the baseline"


def test_what_was_found_before_a_release_is_not_of_its_commit(service: Service) -> None:
    """Older versions gave a baseline the commits of the release after it, which may have failed."""
    committed(service, 1, "9999999999", "9999999999")
    found = named_release.find(service.records, "9999999")
    assert found.record is None and "No release on record is of commit 9999999" in found.reason


@pytest.mark.parametrize("on_record", ["5d290e", "5", "", "v1.5d290ed", "5d290ed-dirty"])
def test_what_is_no_commit_begins_none(service: Service, on_record: str) -> None:
    committed(service, 2, on_record, on_record)
    assert named_release.find(service.records, "5d290ed1c0ffee5d290ed1c0ffee5d290ed1c0ff").record is None


def without(service: Service, number: int, reason: str = "untrusted_document") -> Records:
    """The records of a store in which this one cannot be read."""

    def read(wanted: int) -> dict[str, Any] | None:
        if wanted == number:
            raise Failure(f"release {number} is not used", reason=reason)
        return service.records.get(wanted)

    return Records(read, lambda: list(service.records), "here")


NEEDED = "Nothing older can be gone back to without record {}, which cannot be read: history says why."


@pytest.mark.parametrize(
    ("unread", "wanted", "expected"),
    [
        (1, "2", 2),
        (1, "web:75", 2),
        (1, "5d290ed", 2),
        (3, "4", 4),
        (3, "web:76", 4),
        (3, "1234567", 4),
        (2, "3", "Set rollback_to to one of: 4. " + NEEDED.format(2)),
        (3, "5d290ed", "Set rollback_to to one of: 4. " + NEEDED.format(3)),
        (4, "web:75", NEEDED.format(4)),
    ],
)
def test_a_record_that_cannot_be_read_keeps_nobody_from_what_came_after_it(
    service: Service, unread: int, wanted: str, expected: int | str
) -> None:
    """Nor is an older release offered: what was declared since is not known, so it cannot be restored."""
    records = without(service, unread)
    found = named_release.find(records, wanted)
    assert (seq(found) or found.remedy) == expected
    if found.record:
        choice = restore.choose(service.head, records, service.live, wanted)
        assert choice.record and restore.restoration(choice.record, records, service.live)["seq"] == expected


def test_a_store_that_does_not_answer_is_no_record_that_cannot_be_read(service: Service) -> None:
    with pytest.raises(Failure, match="release 3 is not used"):
        named_release.find(without(service, 3, "connection"), "1234567")


def test_several_that_would_restore_the_same_are_one() -> None:
    service = Service()
    service.deploy(75, "100")
    service.roll_back()
    service.deploy(75, "100")
    assert seq(named_release.find(service.records, "web:75")) == 4


def test_the_same_revision_with_other_attributes_is_another_release() -> None:
    service = Service()
    service.deploy(75, "100")
    service.deploy(75, "200")
    found = named_release.find(service.records, "web:75")
    assert found.record is None and "not alike" in found.reason


def test_the_same_revision_with_another_image_behind_its_tag_is_another_release() -> None:
    service = Service()
    for number, digit in ((service.deploy(75, "100"), "1"), (service.deploy(75, "100"), "2")):
        service.records[number]["verdict"]["images"] = {"app": f"app:latest@sha256:{digit * 64}"}
    assert named_release.find(service.records, "web:75").record is None


def test_a_note_of_an_operation_is_no_release(service: Service) -> None:
    note: dict[str, Any] = {**service.records[4], "seq": 5, "kind": "scale"}
    service.records[5] = note
    assert "is no release but a note of scale" in named_release.find(service.records, "5").reason
    assert seq(named_release.find(service.records, "web:76")) == 4
