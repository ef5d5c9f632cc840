"""``rollback_to``: a number, a revision or a commit names one release, or none is taken for granted."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.rules import named_release, restore

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
    committed(service, 1, "5d290ed1c0ffee")
    assert seq(named_release.find(service.records, "5d290ed")) == 2


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
