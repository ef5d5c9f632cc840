"""One service of the production system on a bed, set as a hazard wants it, with users at work on it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules import plan

from testbed.production import CLUSTER, CORAL_GROUP, SERVICE, prepare, task_definition
from testbed.users import Summary, Users
from tests.testbed.bed_process import RunningBed
from tests.testbed.pardon_task import until

DEADLINE = 60.0  # seconds for what takes a few
AGENTS = 2  # of eight: as many as a turn has replies
Answer = dict[str, Any]


class Stage:
    """`coral` is the environment of the application's server, `stop` its stopTimeout; the rest are AWS's names."""

    def __init__(
        self,
        bed: RunningBed,
        coral: dict[str, str] | None = None,
        stop: int | None = None,
        settings: Answer | None = None,
        attributes: dict[str, str] | None = None,
    ) -> None:
        self.bed, self.ecs, self.elb = bed, bed.client("ecs"), bed.client("elbv2")
        self.coral, self.stop = coral or {}, stop
        bed.admin("POST", "reset")
        self.revision = self.register()
        self.url = prepare(bed.endpoint).url
        if settings:
            self.ecs.update_service(cluster=CLUSTER, service=SERVICE, **settings)
        if attributes:
            given = [{"Key": key, "Value": value} for key, value in attributes.items()]
            self.elb.modify_target_group_attributes(TargetGroupArn=self.group["TargetGroupArn"], Attributes=given)
        self.steady()

    def register(self, **coral: str) -> str:
        """A new revision with more in the server's environment."""
        body: Answer = task_definition()
        server, *agents = body["containerDefinitions"]
        body["containerDefinitions"] = [server, *agents[:AGENTS]]
        variables = {each["name"]: each["value"] for each in server["environment"]} | {"AGENTS": str(AGENTS)}
        variables |= self.coral | coral
        server["environment"] = [{"name": name, "value": value} for name, value in variables.items()]
        if self.stop is not None:
            server["stopTimeout"] = self.stop
        return str(self.ecs.register_task_definition(**body)["taskDefinition"]["taskDefinitionArn"])

    @property
    def service(self) -> Answer:
        return dict(self.ecs.describe_services(cluster=CLUSTER, services=[SERVICE])["services"][0])

    @property
    def group(self) -> Answer:
        return dict(self.elb.describe_target_groups(Names=[CORAL_GROUP])["TargetGroups"][0])

    def live(self) -> plan.Live:
        """The service as preflight reads it."""
        service, group = self.service, self.group
        found = self.ecs.describe_task_definition(taskDefinition=service["taskDefinition"])["taskDefinition"]
        arn = group["TargetGroupArn"]
        attributes = self.elb.describe_target_group_attributes(TargetGroupArn=arn)["Attributes"]
        return plan.Live(service, found, [group], {arn: {each["Key"]: each["Value"] for each in attributes}})

    def states(self) -> list[str]:
        found = self.elb.describe_target_health(TargetGroupArn=self.group["TargetGroupArn"])
        return [each["TargetHealth"]["State"] for each in found["TargetHealthDescriptions"]]

    def tasks(self, revision: str = "") -> list[str]:
        """The running tasks, of one revision if it is named."""
        arns = self.ecs.list_tasks(cluster=CLUSTER, serviceName=SERVICE)["taskArns"]
        found = self.ecs.describe_tasks(cluster=CLUSTER, tasks=arns)["tasks"] if arns else []
        return [each["taskArn"] for each in found if revision in ("", each["taskDefinitionArn"])]

    def is_steady(self) -> bool:
        service = self.service
        rollouts = [each["rolloutState"] for each in service["deployments"]]
        return rollouts == ["COMPLETED"] and self.states().count("healthy") == service["desiredCount"]

    def steady(self) -> None:
        until(self.is_steady, DEADLINE)

    def update(self, revision: str) -> None:
        """Begin a deployment."""
        self.ecs.update_service(cluster=CLUSTER, service=SERVICE, taskDefinition=revision, forceNewDeployment=True)

    def deploy(self, revision: str) -> None:
        """Returns when the service is steady, be it on this revision or, after ECS's rollback, on the one before."""
        self.update(revision)
        self.steady()

    @contextmanager
    def users(self, count: int = 30, pace: float = 0.5, ramp: float | None = None) -> Iterator["Watched"]:
        """Users at work; each has said something when the block begins. Their count is there after the block."""
        users = Users(self.url, count, pace=pace, ramp=pace if ramp is None else ramp).start()
        watched = Watched(users)
        try:
            watched.more_turns(1)
            yield watched
        finally:
            watched.summary = users.stop()


class Watched:
    """Users, and after the block what they saw."""

    def __init__(self, users: Users) -> None:
        self.users = users
        self.summary = Summary(run=users.run, users=0)

    def at_pace(self, seconds: float) -> None:
        """From now on everyone speaks so long after they began to speak the last time."""
        for user in self.users.users:
            user.pace = seconds

    def more_turns(self, turns: int) -> None:
        """Everyone has said this much more than now."""
        wanted = [user.turns + turns for user in self.users.users]
        until(lambda: all(u.turns >= t for u, t in zip(self.users.users, wanted, strict=True)), DEADLINE)
