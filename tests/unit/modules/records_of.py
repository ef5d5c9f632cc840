# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Releases on record in a folder, made by the rules that make them: for the verbs that read or follow records."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.edges.store_files import FileStore
from ansible_collections.steady.ecs.plugins.module_utils.rules import intent, operation, records, release

NOW, LATER = "2025-11-27T10:00:00Z", "2025-11-27T10:02:10Z"
ACCOUNT, REGION = "111122223333", "us-east-1"
CAUSE = {
    "task": "1dc5c17a422b4dc4b493371970c6c4d6",
    "container": "app",
    "image": "example.com/app:2",
    "exit_code": 3,
    "meaning": "the application reported an error",
    "stop_code": "EssentialContainerExited",
    "reason": "Essential container in task exited",
    "target_reason": None,
    "log_lines": ["starting", "cannot open the database"],
    "events": [],
}
NOTHING: dict[str, Any] = {"changes": {}, "definition": {}, "images": {}, "settings": {}, "attributes": {}}


class Kept:
    """The store of one service; a test says what was released."""

    def __init__(self, folder: Path, cluster: str = "c1", service: str = "web", family: str = "web") -> None:
        self.store = FileStore(folder, records.Identity(ACCOUNT, REGION, cluster, service))
        self.family = f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/{family}"
        self.live: dict[str, Any] = {
            "task_definition": f"{self.family}:1",
            "deployment": "ecs-svc/1",
            "settings": {},
            "running": 3,
            "desired": 3,
            "attributes": {},
        }

    def opened(self, kind: str = "deploy", restores: int | None = None, **declared: Any) -> int:
        """A release that is open, and its number."""
        made = intent.intent(self.live["task_definition"], **{**NOTHING, **declared})
        audit = {"who": f"arn:aws:iam::{ACCOUNT}:user/ada", "host": "runner-7", "why": "longer sessions"}
        audit |= {"commit": "5d290edaaaaaaaaaa", "inventory_commit": "91ab3c0", "approved_by": "grace"}
        request = release.Request(self.store.identity, kind, made, audit, "nonce", restores)
        opening = release.opening(self.store.head(), self.store.records(), request, self.live, NOW)
        self.store.apply(opening.writes)
        return int(opening.record["seq"])

    def released(
        self,
        revision: int,
        outcome: str = "proven",
        cause: Any = None,
        head_too: bool = True,
        reason: str = "as asked",
        **declared: Any,
    ) -> int:
        """A release that brought the service to a revision and was closed, and its number. ``head_too``: the run did
        not die between the record's last write and the head's."""
        seq = self.opened(**{"changes": {"cpu": str(revision)}, **declared})
        steps = {"task_definition": f"{self.family}:{revision}", "deployment": f"ecs-svc/{revision}"}
        record = release.step(self.store.record(seq), steps, NOW)
        words = {"proven": "succeeded", "failed_rolled_back": "rolled_back"}
        result = {"result": words.get(outcome, "failed"), "cause": cause, "reason": reason}
        if outcome == "proven":
            self.live = {**self.live, "task_definition": f"{self.family}:{revision}"}
        writes = release.closing(self.store.head(), record, outcome, result, LATER)
        self.store.apply(writes if head_too else writes[:1])
        return seq

    def operated(self, kind: str, result: dict[str, Any] | None, reason: str | None) -> int:
        """An operator's verb that came to this, and failed where there is a reason; and the number of its record."""
        request = release.Request(self.store.identity, kind, operation.NOTHING, {"who": "ada"}, "verb")
        told = {"command": ["a", "b"], "container": None}
        writes = operation.opening(self.store.head(), self.store.records(), request, told, self.live, NOW)
        self.store.apply(writes)
        record = self.store.record(int(writes[0].document["seq"]))
        self.store.apply([release.Write(release.REPLACE, operation.closed(record, result, reason, 1.0, LATER))])
        return int(record["seq"])

    def leased(self, who: str = "arn:aws:iam::111122223333:user/ben", key: str = "other/1/1", ttl: int = 2) -> None:
        """Another run has the lease, and does not renew it."""
        lease = {
            "nonce": key.split("/")[0],
            "key": key,
            "ttl_s": ttl,
            "who": who,
            "host": "runner-9",
            "why": "a hotfix",
            "since": NOW,
        }
        head = records.written(self.store.head(), key.split("/")[0], lease=lease)
        self.store.apply([release.Write(release.HEAD, head)])
