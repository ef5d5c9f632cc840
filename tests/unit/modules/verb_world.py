# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The small world of world.py with what the operator's verbs ask for beside a rollout, and a store of releases."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.unit.answers import target, task
from tests.unit.modules.records_of import ACCOUNT, REGION, Kept
from tests.unit.modules.world import World

Answer = dict[str, Any]


class VerbWorld(World):
    """``web`` in cluster ``c1`` of an account, with the records of its releases in a folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder, self.kept = folder, Kept(folder)
        self.before: list[str] = []
        """States of the newest record at the moment of each call that changes something."""

    def verb(self, module: Any, check_mode: bool = False, **params: Any) -> Answer:
        """Run a verb on the service ``web``, with its defaults."""
        options = {name: option.get("default") for name, option in module.SPEC.options.items()}
        named = {"account": ACCOUNT, "region": REGION, "cluster": "c1", "service": "web", "store": str(self.folder)}
        return self.run(module.run, {**options, **named, **params}, check_mode)

    def called(self, operation: str) -> list[Answer]:
        """The arguments of each call of one operation."""
        return [arguments for name, arguments in self.calls if name == operation]

    def newest(self) -> Answer:
        """The newest record."""
        records = self.kept.store.records()
        return records[max(records)]

    def get_caller_identity(self) -> Answer:
        self._called("get_caller_identity", {})
        return {"Account": ACCOUNT, "Arn": f"arn:aws:iam::{ACCOUNT}:user/ada", "UserId": "U"}

    scalable: Answer | None = None
    """The scalable target of the service, if it has one."""

    def describe_scalable_targets(self, **arguments: Any) -> Answer:
        self._called("describe_scalable_targets", arguments)
        return {"ScalableTargets": [] if self.scalable is None else [self.scalable]}

    def run_tasks(self, count: int, number: int = 1) -> None:
        """So many tasks of a deployment run and are healthy, no more and no fewer."""
        self.tasks = [task(number, index) for index in range(count)]
        self.targets = [target(number, index) for index in range(count)]
        self.service["deployments"][0].update(runningCount=count, desiredCount=count)

    def _update(self, arguments: Answer) -> Answer:
        self.before.append(self.newest()["state"] if self.kept.store.head()["seq"] else "")
        return super()._update(arguments)
