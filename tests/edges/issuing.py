# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Credentials that a test issues, gives up and issues anew, and tasks that use them on a bed."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.edges import aws
from ansible_collections.steady.ecs.plugins.module_utils.work import Task

from tests.testbed.beds import Bed

HOUR = 3600


def in_an_hour() -> str:
    return moment(HOUR)


def moment(seconds: float) -> str:
    return (datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def task(bed: Bed, **params: Any) -> Task:
    options = {"region": "us-east-1", "endpoint_url": bed.endpoint, "validate_certs": True, **params}
    return Task(params=options, connection=aws.Connection(options))


def expire(bed: Bed, *keys: str) -> None:
    """These access keys have expired; the log begins anew."""
    bed.admin("PUT", "/_bed/faults", [{"access_key": key, "kind": "expired"} for key in keys])
    bed.admin("DELETE", "/_bed/calls")


def asked(bed: Bed, operation: str = "ListClusters") -> list[tuple[str, str | None]]:
    """(access key, error) of the calls of an operation, in their order."""
    log = bed.admin("GET", "/_bed/calls")[1]["log"]
    return [(each["access_key"], each.get("error")) for each in log if each["operation"] == operation]


Renew = Callable[[], None]
"""Issues credentials anew, outside of the task."""


class Keys:
    """Credentials that somebody issues: number 1 at first, then those that a test has issued anew."""

    def __init__(self) -> None:
        self.number = 1

    def renew(self) -> None:
        self.number += 1

    @property
    def key(self) -> str:
        return f"ASIAKEY{self.number:09d}"

    def as_metadata(self, _path: str = "", token: str = "Token") -> dict[str, str]:
        """In the form of the metadata services and of credential processes."""
        return {
            "Code": "Success", "Type": "AWS-HMAC", "LastUpdated": moment(0),
            "AccessKeyId": self.key, "SecretAccessKey": "x", token: "t", "Expiration": in_an_hour(),
        }  # fmt: skip


def shared_file(home: Path, keys: Keys, profile: str = "default") -> Renew:
    def write() -> None:
        lines = [
            f"[{profile}]",
            f"aws_access_key_id = {keys.key}",
            "aws_secret_access_key = x",
            "aws_session_token = t",
        ]
        (home / "credentials").write_text("\n".join(lines))

    def renew() -> None:
        keys.renew()
        write()

    write()
    return renew


def process(home: Path, keys: Keys) -> Renew:
    def write() -> None:
        told = {"Version": 1, **keys.as_metadata(token="SessionToken")}
        (home / "issued").write_text(json.dumps(told))

    def renew() -> None:
        keys.renew()
        write()

    (home / "config").write_text(f"[default]\ncredential_process = /bin/cat {home / 'issued'}\n")
    write()
    return renew
