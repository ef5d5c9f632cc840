"""The production system on real processes, with users at work: who notices a disturbed release."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

from testbed import production
from testbed.users import ApiHealth, Users
from tests.faults.plays.place import CANARY, Place
from tests.faults.plays.plans import Plan, Result, Stage
from tests.faults.plays.player import Player
from tests.testbed.beds import Bed, until

HASTE = 10
"""As the bed's scale of a tenth: the processes are real, and no faster than that."""
USERS, PACE = 20, 1.0
_numbers = itertools.count(1)


class Served(Place):
    """The one production service; each plan has a store of its own, and begins at revision 74."""

    def __init__(self, bed: Bed, folder: Path) -> None:
        self.bed, self.folder, self.number, self.front = bed, folder, next(_numbers), None
        self.cluster, self.name = production.CLUSTER, production.SERVICE
        self.place = folder / f"served-{self.number}"
        self.place.mkdir(parents=True)
        self.store = str(self.place / "store")
        self.ecs, self.elb = bed.client("ecs"), bed.client("elbv2")
        self.group = self.elb.describe_target_groups(Names=[production.CORAL_GROUP])["TargetGroups"][0][
            "TargetGroupArn"
        ]
        self.latest = self._latest()
        environment = {"RELEASE": str(self.number), "PASSWORD": f"{CANARY}-declared"}
        self.declared = {
            "target_group_name": production.CORAL_GROUP,
            "target_group_attributes": {"stickiness.lb_cookie.duration_seconds": 7200},
            "rollout_settings": {"healthCheckGracePeriodSeconds": 100},
            "rollout_changes": {"containers": {"coral": {"environment": environment}}},
        }

    def ill(self) -> None:
        """What is declared crashes at its start."""
        self.declared["rollout_changes"]["containers"]["coral"]["environment"]["CRASH_AT_START"] = "3"

    def revisions(self) -> int:
        """How many this plan has registered, and the one before."""
        return self._latest() - self.latest + 1

    def state(self) -> dict[str, Any]:
        """With the revision counted from the plan's beginning."""
        found = super().state()
        first = production.REVISIONS_BEFORE + 1
        return {**found, "revision": 1 if found["revision"] == first else found["revision"] - self.latest + 1}

    def remove(self) -> None:
        """As it was before, by the API."""
        self.close()
        first = f"{production.FAMILY}:{production.REVISIONS_BEFORE + 1}"
        self.elb.modify_target_group_attributes(
            TargetGroupArn=self.group, Attributes=[{"Key": k, "Value": v} for k, v in production.ATTRIBUTES.items()]
        )
        self.ecs.update_service(
            cluster=self.cluster, service=self.name, taskDefinition=first, healthCheckGracePeriodSeconds=120
        )
        self.rest()

    def _latest(self) -> int:
        found = self.ecs.describe_task_definition(taskDefinition=production.FAMILY)["taskDefinition"]
        return int(found["revision"])


class ServedStage(Stage):
    """Plans on that service; users are at work from the first to the last, until it is left."""

    def __init__(self, bed: Bed, player: Player, folder: Path) -> None:
        super().__init__(bed, player, folder)
        self.url = production.prepare(bed.endpoint).url
        self.users = Users(
            self.url, USERS, PACE, ramp=1.0, health=ApiHealth(bed.endpoint, production.CORAL_GROUP)
        ).start()
        until(lambda: all(user.turns for user in self.users.users), 60)

    def __enter__(self) -> ServedStage:
        return self

    def __exit__(self, *_raised: object) -> None:
        """Send the users home: what they ask for would reach whatever has the bed's port next."""
        self.users.stop()

    def place(self, plan_store: str, **more: Any) -> Place:
        """The same service each time."""
        return Served(self.bed, self.folder)

    def perform(self, plan: Plan) -> Result:
        """As without users, and none of them may notice."""
        before = self.users.summary()
        result = super().perform(plan)
        turns = [user.turns for user in self.users.users]
        until(lambda: all(u.turns > t for u, t in zip(self.users.users, turns, strict=True)), 60)
        after = self.users.summary()
        harm = {
            "failed requests": after.failed - before.failed,
            "lost messages": after.lost_messages - before.lost_messages,
            "moves off a healthy target": (after.moves_off_healthy or 0) - (before.moves_off_healthy or 0),
            "times nobody watched the targets": int(after.moves_off_healthy is None),
        }
        result.problems += [f"users: {count} {what}" for what, count in harm.items() if count]
        result.requests = after.requests - before.requests
        return result
