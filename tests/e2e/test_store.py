"""Releases kept in S3: the playbook that makes the bucket, and the real verbs on it."""

from __future__ import annotations

import collections
import json
import re

import pytest

from tests.e2e.conftest import Checkout

STORE = "s3://pardon-releases/steady"
KEPT = ("-e", f"release_store={STORE}")
PLACE = "steady/000000000000/us-east-1/pardon-production-cluster/pardon-production-service/"
LEASE_RENEWALS = 12
"""At most so many PUT of head.json besides those of the protocol, each with the GET that finds out who has the lease:
one when a task begins, and one for half of a ttl in a wait."""


def documents(checkout: Checkout) -> dict[str, dict[str, object]]:
    """What is in the bucket under the service's prefix."""
    s3 = checkout.client("s3")
    found = s3.list_objects_v2(Bucket="pardon-releases", Prefix=PLACE).get("Contents", [])
    return {
        each["Key"].removeprefix(PLACE): json.loads(
            s3.get_object(Bucket="pardon-releases", Key=each["Key"])["Body"].read()
        )
        for each in found
    }


def calls(checkout: Checkout) -> collections.Counter[str]:
    """S3's operations in the bed's log."""
    log = checkout.admin("GET", "/_bed/calls")["log"]
    return collections.Counter(each["operation"] for each in log if each["service"] == "s3")


@pytest.mark.walk
def test_the_bucket_is_made_when_asked_and_then_right(production: Checkout) -> None:
    production.admin("DELETE", "/_bed/calls")
    refused = production.run("./steady", "play", "store.yml", *KEPT)
    assert refused.status == 1, refused.text
    assert "release_store_create=true" in refused.text
    assert production.writes() == []
    planned = production.run(
        "./steady", "play", "store.yml", *KEPT, "-e", "release_store_create=true", "--check", "--diff"
    )
    assert (
        "versioning: not set -> Enabled" in planned.text
        and "+bucket pardon-releases: versioning: Enabled" in planned.text
    )
    assert production.writes() == []
    made = production.run("./steady", "play", "store.yml", *KEPT, "-e", "release_store_create=true")
    assert made.status == 0 and "changed=1" in made.text, made.text
    again = production.run("./steady", "play", "store.yml", *KEPT)
    assert again.status == 0 and "changed=0" in again.text, again.text
    assert f"outcome: unchanged: {STORE} is fit to keep releases" in again.text


def test_a_deploy_without_its_bucket_changes_nothing(production: Checkout) -> None:
    production.admin("DELETE", "/_bed/calls")
    done = production.run("./steady", "play", "deploy.yml", *KEPT)
    assert done.status != 0
    assert "no bucket pardon-releases" in done.text and "store.yml -e release_store_create=true" in done.text
    assert production.writes() == []
    assert production.revision() == "pardon-simulator:74"


@pytest.mark.walk
def test_releases_live_in_the_bucket(production: Checkout) -> None:
    made = production.run("./steady", "play", "store.yml", *KEPT, "-e", "release_store_create=true")
    assert made.status == 0, made.text
    production.admin("DELETE", "/_bed/calls")
    done = production.run("./steady", "play", "deploy.yml", *KEPT)
    assert done.status == 0, done.text
    assert production.revision() == "pardon-simulator:75"
    assert f"release 2 is recorded in {STORE}/{PLACE.removeprefix('steady/').removesuffix('/')}\n" in done.text
    sent = calls(production)
    assert set(sent) == {"GetObject", "PutObject", "ListObjectsV2"}, "nothing else, and never a DELETE"
    assert sent["PutObject"] <= 8 + 2 + LEASE_RENEWALS, sent  # the first release has a baseline besides
    assert not (production.path / ".state/releases").exists(), "nothing of it is on this machine"

    found = documents(production)
    assert sorted(found) == ["head.json", "releases/00000001.json", "releases/00000002.json"]
    head, record = found["head.json"], found["releases/00000002.json"]
    assert (head["current"], head["open"], head["lease"]) == (2, None, None)
    assert (record["kind"], record["state"]) == ("deploy", "succeeded")

    production.admin("DELETE", "/_bed/calls")
    again = production.run("./steady", "play", "deploy.yml", *KEPT)
    assert again.status == 0 and "outcome: unchanged" in again.text, again.text
    planned = production.run("./steady", "play", "rollback.yml", "--check", *KEPT)
    assert planned.status == 0, planned.text
    assert set(calls(production)) == {"GetObject", "ListObjectsV2"}, "neither lock nor record is written"
    told = production.run("./steady", "play", "history.yml", *KEPT)
    assert told.status == 0 and re.search(r"\b2\b.*deploy", told.text), told.text
    back = production.run("./steady", "play", "rollback.yml", *KEPT)
    assert back.status == 0, back.text
    assert production.revision() == "pardon-simulator:74"
    assert documents(production)["releases/00000003.json"]["state"] == "succeeded"
