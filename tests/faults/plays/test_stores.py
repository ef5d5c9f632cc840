"""A store that cannot be written, a clock that is wrong: refused before the first change, or closed properly."""

from __future__ import annotations

import os
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.plays.place import Place
from tests.faults.plays.plans import Stage, clear
from tests.faults.plays.player import Ended
from tests.faults.plays.races import CHANGING
from tests.faults.plays.scenarios import DEPLOY
from tests.testbed.beds import until

ENOUGH_FOR_OUTPUT = 32 * 1024
"""Bytes of one file: what a play prints fits into it, the reserve of an open release does not."""


def changes(stage: Stage) -> list[str]:
    """Operations that have changed something on AWS since the log was emptied."""
    return [call["operation"] for call in stage.calls() if call["operation"] in CHANGING]


def refused(stage: Stage, place: Place, **more: int) -> Ended:
    """A deploy that must end before its first change."""
    stage.bed.admin("DELETE", "/_bed/calls")
    done = stage.player.run(*DEPLOY.arguments(place), **more)
    assert changes(stage) == [], done.text
    assert done.outcome not in DEPLOY.final, done.text
    return done


def goes_on(stage: Stage, place: Place) -> None:
    """With the obstacle away the same command does what it would have done."""
    stage.rules()
    done = stage.player.run(*DEPLOY.arguments(place))
    assert done.outcome == "proven", done.text
    place.rest()
    assert place.state() == stage.undisturbed("deploy", "files").state
    assert [each["state"] for each in place.records() if each["kind"] == "deploy"] == ["succeeded"]
    assert clear(place)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 200 KB of its own. Only root may mount one."""
    folder = tmp_path / f"disk-{uuid.uuid4().hex[:6]}"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k,mode=700", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Take all the room that there is."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (4096, 512, 1):
            try:
                while file.write(b"x" * size):
                    pass
            except OSError:
                continue
    return filler


def held_at(stage: Stage, place: Place, operation: str, seconds: float) -> None:
    """Begin a deploy; returns while this call of it is on its way, for so many seconds."""
    stage.bed.admin("DELETE", "/_bed/calls")
    stage.rules({"operation": operation, "at_call": 1, "delay": seconds})
    stage.player.start(*DEPLOY.arguments(place))
    until(lambda: any("fault" in call for call in stage.calls()), 60)


@pytest.mark.walk
def test_a_file_that_may_not_grow_stops_the_run_before_it_changes_anything(stage: Stage) -> None:
    place = Place(stage.bed, stage.folder)
    done = refused(stage, place, largest_file=ENOUGH_FOR_OUTPUT)
    assert "cannot be written" in done.text
    goes_on(stage, place)


def test_a_folder_that_may_not_be_written_stops_the_run_before_it_changes_anything(stage: Stage) -> None:
    place = Place(stage.bed, stage.folder)
    Path(place.store).parent.joinpath("a file").touch()
    usual, place.store = place.store, str(Path(place.store).parent / "a file" / "store")  # root may write anywhere else
    done = refused(stage, place)
    assert "a file/store" in done.text.replace("\n", " ")
    place.store = usual
    goes_on(stage, place)


if os.geteuid() == 0:

    def test_a_full_disk_stops_the_run_before_it_changes_anything(stage: Stage, disk: Path) -> None:
        place = Place(stage.bed, stage.folder, str(disk / "store"))
        filler = fill(disk)
        done = refused(stage, place)
        assert "No space left on device" in done.text
        filler.unlink()
        goes_on(stage, place)

    def test_a_disk_that_becomes_full_does_not_stop_the_closing_write(stage: Stage, disk: Path) -> None:
        place = Place(stage.bed, stage.folder, str(disk / "store"))
        held_at(stage, place, "UpdateService", 1.0)
        filler = fill(disk)
        done = stage.player.wait()
        stage.rules()
        assert [each["state"] for each in place.records()] == ["succeeded", "succeeded"], done.text
        assert done.outcome == "proven"
        assert clear(place)
        filler.unlink()

    @pytest.mark.walk
    def test_a_disk_mounted_to_be_read_only_stops_the_run(stage: Stage, disk: Path) -> None:
        place = Place(stage.bed, stage.folder, str(disk / "store"))
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        assert "Read-only file system" in refused(stage, place).text
        subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
        goes_on(stage, place)


@pytest.mark.walk
def test_a_bucket_that_is_not_there_stops_the_run(stage: Stage) -> None:
    place = Place(stage.bed, stage.folder, "s3://nobody-made-this-bucket/steady")
    done = refused(stage, place)
    assert "nobody-made-this-bucket" in done.text
    stage.bed.client("s3").create_bucket(Bucket="nobody-made-this-bucket")
    stage.bed.client("s3").put_bucket_versioning(
        Bucket="nobody-made-this-bucket", VersioningConfiguration={"Status": "Enabled"}
    )
    goes_on(stage, place)


def test_a_bucket_of_another_account_stops_the_run(stage: Stage) -> None:
    """S3 answers 403 AccessDenied when the owner is not x-amz-expected-bucket-owner ("Verifying bucket ownership with
    bucket owner condition"); the emulator behind the bed does not look, so the bed is told to."""
    place = stage.place("s3")
    stage.rules({"service": "s3", "error": "AccessDenied", "status": 403, "message": "Access Denied"})
    assert "sweep-releases" in refused(stage, place).text
    assert any(call["service"] == "s3" for call in stage.calls()), "the store was the bucket"
    goes_on(stage, place)


@pytest.mark.parametrize("error", ["NoSuchBucket", pytest.param("AccessDenied", marks=pytest.mark.walk)])
def test_a_bucket_that_goes_away_while_the_release_is_made_leaves_it_to_the_next_run(stage: Stage, error: str) -> None:
    place = stage.place("s3")
    held_at(stage, place, "UpdateService", 3.0)
    stage.rules({"service": "s3", "error": error, "status": 404 if error == "NoSuchBucket" else 403})
    done = stage.player.wait()
    assert done.outcome not in {"proven", "unchanged", "failed", "failed_rolled_back"}, done.text
    goes_on(stage, place)
    assert place.deployments() == 1 + stage.undisturbed("deploy", "files").deployments


def test_a_clock_that_is_wrong_stops_the_run_and_is_said_to_be(stage: Stage) -> None:
    place = Place(stage.bed, stage.folder)
    stage.bed.admin("PUT", "/_bed/clock", {"ahead": 3600})
    try:
        done = refused(stage, place)
    finally:
        stage.bed.admin("PUT", "/_bed/clock", {"ahead": 0})
    assert "clock" in done.text
    goes_on(stage, place)
