"""Each hazard with its damage and its cure: how a service is set, what its users do, and how many of them are harmed.

Seconds of `known` are AWS's; the bed's are a tenth of them, the application's own are real.
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass

from ansible_collections.steady.ecs.plugins.module_utils.rules import hazards, plan

from testbed.production import CLUSTER
from tests.hazards.stage import DEADLINE, Stage
from tests.testbed.bed_process import RunningBed
from tests.testbed.beds import PORT, Bed, World
from tests.testbed.pardon_task import until

PATIENCE = 6.0  # seconds in which a task that is taken away would be replaced
DELAY = "deregistration_delay.timeout_seconds"
Known = hazards.Known


@dataclass(frozen=True)
class Harm:
    """How much came of it, and the service as preflight would have read it."""

    count: int
    hazards: list[str]
    seen: str


def _names(stage: Stage, known: Known) -> list[str]:
    return [each.name for each in hazards.found(stage.live(), known)]


def answers(bed: RunningBed, cured: bool) -> Harm:
    """Failed requests of users whose answers take 2 s."""
    stage = Stage(bed, {"SLOW_ANSWER": "2"}, attributes={DELAY: "60" if cured else "5"})
    names = _names(stage, Known(slowest_answer=20))
    with stage.users() as users:
        stage.deploy(stage.revision)
    return Harm(users.summary.failed, names, users.summary.line())


def streams(bed: RunningBed, cured: bool) -> Harm:
    """Failed requests of users who read streams of 2 s."""
    stage = Stage(bed, {"SLOW_STREAM": "1"}, attributes={DELAY: "60" if cured else "5"})
    names = _names(stage, Known(longest_stream=20))
    with stage.users() as users:
        users.more_turns(3)
        stage.deploy(stage.revision)
    return Harm(users.summary.failed, names, users.summary.line())


def work(bed: RunningBed, cured: bool) -> Harm:
    """Answered turns whose receipt, which takes 3 s more, never came."""
    stage = Stage(bed, {"WORK_AFTER": "3"}, stop=60 if cured else 10)
    names = _names(stage, Known(work_after=30))
    with stage.users() as users:
        stage.deploy(stage.revision)
    said, file = users.summary, bed.state / "bed/shared/receipts.log"

    def missing() -> int:
        return said.turns - len({line for line in file.read_text().splitlines() if said.run in line})

    with contextlib.suppress(AssertionError):  # nobody is left to write them: that is the damage
        until(lambda: missing() <= 0, PATIENCE)
    return Harm(max(0, missing()), names, said.line())


def minimum(bed: RunningBed, cured: bool) -> Harm:
    """Failed requests while the only task is replaced."""
    percents = {"minimumHealthyPercent": 100 if cured else 0, "maximumPercent": 200}
    stage = Stage(bed, settings={"desiredCount": 1, "deploymentConfiguration": percents})
    names = _names(stage, Known())
    with stage.users() as users:
        stage.deploy(stage.revision)
    return Harm(users.summary.failed, names, users.summary.line())


def start(bed: RunningBed, cured: bool) -> Harm:
    """1 when a good release, whose server takes 5 s to listen, is not what serves in the end."""
    stage = Stage(bed, settings={"healthCheckGracePeriodSeconds": 120 if cured else 0, "desiredCount": 2})
    names, revision = _names(stage, Known(start=50)), stage.register(SLOW_START="5")
    with stage.users() as users:
        stage.deploy(revision)
    return Harm(int(stage.service["taskDefinition"] != revision), names, users.summary.line())


def breaker(bed: RunningBed, cured: bool) -> Harm:
    """Tasks that ECS goes on starting of a release that cannot run, when nobody watches it. Its users are well, also
    when the old tasks are taken away, as by a host that retires: their own revision replaces them."""
    configuration = {"deploymentCircuitBreaker": {"enable": cured, "rollback": cured}}
    stage = Stage(bed, settings={"desiredCount": 2, "deploymentConfiguration": configuration})
    names, bad, old = _names(stage, Known()), stage.register(CRASH_AT_START="1"), stage.tasks()

    def failed() -> int:
        return sum(each["failedTasks"] for each in stage.service["deployments"])

    with stage.users() as users:
        stage.update(bad)
        until(lambda: stage.is_steady() or failed() >= 6, DEADLINE)
        for arn in old:
            _replaced(stage, arn)
        before = failed()
        with contextlib.suppress(AssertionError):  # none is started any more: that is the cure
            until(lambda: failed() > before, PATIENCE)
    assert users.summary.failed == 0, users.summary.line()
    return Harm(failed() - before, names, users.summary.line())


def _replaced(stage: Stage, arn: str) -> None:
    """Take a task away; returns when another one of its revision serves."""
    stage.ecs.stop_task(cluster=CLUSTER, task=arn)

    def back() -> bool:
        running = stage.service["deployments"][-1]["runningCount"]  # the oldest: what is stopping is not among them
        return arn not in stage.tasks() and running == 2 and stage.states().count("healthy") == 2

    until(back, DEADLINE)


def sticky(bed: RunningBed, cured: bool) -> Harm:
    """New tasks that have no user when all are there."""
    percents = {"minimumHealthyPercent": 100, "maximumPercent": 200} if cured else {"minimumHealthyPercent": 50}
    settings = {"desiredCount": 2, "deploymentConfiguration": {"maximumPercent": 100} | percents}
    stage = Stage(bed, settings={**settings, "availabilityZoneRebalancing": "DISABLED"})
    names, revision = _names(stage, Known()), stage.register(SLOW_START="2")  # the second is ready well after the first
    with stage.users() as users:
        stage.deploy(revision)
        before = users.users.summary().instances
        users.more_turns(2)
    busy = [each for each, count in users.summary.instances.items() if count > before.get(each, 0) + 2]
    return Harm(2 - len(busy), names, users.summary.line())


def keep_alive(bed: RunningBed, cured: bool) -> Harm:
    """Failed requests over connections that the application closes while the load balancer uses them. No scale here."""
    seconds = 65 if cured else 0.85
    stage = Stage(bed, {"KEEP_ALIVE": str(seconds)}, settings={"desiredCount": 1})
    names = _names(stage, Known(keep_alive=seconds, idle_timeout=60))
    with stage.users(count=60, pace=1.0, ramp=0.0) as users:
        for turn in range(20 if cured else 80):
            if not users.users.summary().failed:
                # A connection is idle from an answer to the next turn, however long the machine takes for the answer.
                users.at_pace(0.85 + 0.04 * (turn % 20))
                users.more_turns(1)
    return Harm(users.summary.failed, names, users.summary.line())


def host_port(bed: RunningBed, cured: bool) -> Harm:
    """1 when a good release is not what serves in the end: one task on the one instance, fixed port (cured: any)."""
    world = World(Bed(bed.endpoint))
    group = world.make_group(f"{world.name}-i", kind="instance")
    world.listen(group, PORT + 1)
    world.instance()

    def register(tag: str) -> str:
        ports = [{"containerPort": PORT, "hostPort": 0 if cured else PORT}]
        container = world.container(tag, memory=256, portMappings=ports)
        made = world.ecs.register_task_definition(
            family=world.name, networkMode="bridge", requiresCompatibilities=["EC2"], containerDefinitions=[container]
        )
        return str(made["taskDefinition"]["taskDefinitionArn"])

    balancers = [{"targetGroupArn": group, "containerName": "app", "containerPort": PORT}]
    first = register("v1")
    where = {"launchType": "EC2", "networkConfiguration": None, "loadBalancers": balancers}
    world.create(first, desiredCount=1, healthCheckGracePeriodSeconds=600, **where)
    world.completed(first, seconds=DEADLINE)
    attributes = world.elb.describe_target_group_attributes(TargetGroupArn=group)["Attributes"]
    live = plan.Live(
        world.service(),
        world.ecs.describe_task_definition(taskDefinition=first)["taskDefinition"],
        world.elb.describe_target_groups(TargetGroupArns=[group])["TargetGroups"],
        {group: {each["Key"]: each["Value"] for each in attributes}},
    )
    names, second = [each.name for each in hazards.found(live, Known())], register("v2")
    world.update(taskDefinition=second)
    with contextlib.suppress(AssertionError):  # it stands still: that is the damage
        world.completed(second, seconds=DEADLINE if cured else PATIENCE)
    serving = {each["taskDefinitionArn"] for each in world.tasks()}
    seen = str(world.events()[:2])
    world.remove()
    return Harm(int(serving != {second}), names, seen)


TRIALS: dict[str, tuple[str, Callable[[RunningBed, bool], Harm]]] = {
    "answers": ("deregistration_delay", answers),
    "streams": ("deregistration_delay", streams),
    "work": ("stop_timeout", work),
    "minimum": ("minimum_healthy", minimum),
    "start": ("grace_period", start),
    "breaker": ("circuit_breaker", breaker),
    "sticky": ("sticky_gathering", sticky),
    "keep_alive": ("keep_alive", keep_alive),
    "host_port": ("fixed_host_port", host_port),
}
"""By trial: the hazard that it proves, and how."""
