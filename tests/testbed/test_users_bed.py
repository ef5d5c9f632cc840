"""The referee behind a load balancer: nothing to report for a good deployment, and each thing that goes wrong seen.

One bed for the file, reset before each test.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from testbed.production import CLUSTER, CORAL_GROUP, SERVICE, Prepared, prepare, task_definition
from testbed.users import ApiHealth, Summary, TargetWatch, Users, main
from tests.testbed.bed_process import RunningBed, running_bed
from tests.testbed.pardon_task import until


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBed]:
    with running_bed(tmp_path_factory.mktemp("bed")) as found:
        yield found


class Production:
    """The prepared system, and what a test does to it."""

    def __init__(self, bed: RunningBed) -> None:
        bed.admin("POST", "reset")
        self.bed = bed
        self.prepared: Prepared = prepare(bed.endpoint)
        self.ecs, self.elb = bed.client("ecs"), bed.client("elbv2")

    def users(self, count: int = 30, pace: float = 1.0) -> Users:
        health = ApiHealth(self.bed.endpoint, CORAL_GROUP)
        return Users(self.prepared.url, count, pace=pace, ramp=pace, health=health).start()

    def delay(self, seconds: int) -> None:
        """The deregistration delay, in AWS's seconds: the bed's are a tenth."""
        arn = self.elb.describe_target_groups(Names=[CORAL_GROUP])["TargetGroups"][0]["TargetGroupArn"]
        attribute = {"Key": "deregistration_delay.timeout_seconds", "Value": str(seconds)}
        self.elb.modify_target_group_attributes(TargetGroupArn=arn, Attributes=[attribute])

    def revision(self, sessions: bool = True, **coral: str) -> str:
        """A new revision: `coral` is added to the server's environment; without sessions, as after the deployment."""
        given: dict[str, Any] = task_definition()
        for container in given["containerDefinitions"]:
            environment = {e["name"]: e["value"] for e in container["environment"]}
            if not sessions:
                environment.pop("CORAL_SESSIONS", None)
                if "CORAL_SSE_URL" in environment:
                    environment["CORAL_SSE_URL"] += "/production-main"
            if container["name"] == "coral":
                environment |= coral
            container["environment"] = [{"name": key, "value": value} for key, value in environment.items()]
        return str(self.ecs.register_task_definition(**given)["taskDefinition"]["taskDefinitionArn"])

    def update(self, revision: str) -> None:
        self.ecs.update_service(cluster=CLUSTER, service=SERVICE, taskDefinition=revision, forceNewDeployment=True)

    def deploy(self, revision: str) -> None:
        """Returns when the deployment is COMPLETED."""
        self.update(revision)
        until(lambda: self.completed(revision), 60)

    def completed(self, revision: str) -> bool:
        service = self.ecs.describe_services(cluster=CLUSTER, services=[SERVICE])["services"][0]
        live = [(d["rolloutState"], d["taskDefinition"].endswith(revision)) for d in service["deployments"]]
        return live == [("COMPLETED", True)]


@pytest.fixture
def production(bed: RunningBed) -> Production:
    return Production(bed)


def all_at_work(users: Users, turns: int = 2) -> None:
    """Everyone has said this much more than now."""
    target = [user.turns + turns for user in users.users]
    until(lambda: all(u.turns >= t for u, t in zip(users.users, target, strict=True)), 60)


def stopped_after(users: Users, what: Callable[[], object]) -> Summary:
    try:
        what()
    finally:
        summary = users.stop()
    return summary


def test_a_watch_that_could_see_nothing_is_refused(production: Production, capsys: pytest.CaptureFixture[str]) -> None:
    instances = {"Name": "instances", "Protocol": "HTTP", "Port": 80, "VpcId": "vpc-1", "TargetType": "instance"}
    production.elb.create_target_group(**instances)
    watched = ["--endpoint", production.bed.endpoint, "--target-group", "instances"]
    for options, said in (
        (watched, "only ip can be watched"),
        (watched[:2], "go together"),
        (watched[2:], "go together"),
    ):
        with pytest.raises(SystemExit):
            main([production.prepared.url, *options])
        assert said in capsys.readouterr().err


@pytest.fixture
def patient_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    """A target that is going may be seen so late as the machine's stalls make it: more than a look each 0.2 s wants."""
    monkeypatch.setattr(TargetWatch, "AFTER", 3.0)


@pytest.mark.walk
@pytest.mark.usefixtures("patient_watch")
def test_a_deployment_and_the_way_back_trouble_nobody(production: Production) -> None:
    users = production.users(count=60)

    def work() -> None:
        all_at_work(users)
        production.deploy(production.revision(sessions=False))
        all_at_work(users)
        production.deploy("pardon-simulator:74")
        all_at_work(users)

    summary = stopped_after(users, work)
    assert (summary.failed, summary.lost_messages, summary.moves_off_healthy) == (0, 0, 0), summary.line()
    assert summary.moves >= 2 * 60, "each task was replaced twice"
    logged = [line.split()[-1] for line in production.bed.request_log.read_text().splitlines()]
    assert len([name for name in logged if name.startswith(summary.run)]) == summary.requests
    assert summary.reused_connection_closed == 0


@pytest.mark.walk
def test_an_application_that_crashes_while_it_serves(production: Production) -> None:
    users = production.users(pace=0.5)
    arn = production.revision(CRASH_AFTER="6")

    def work() -> None:
        all_at_work(users, 1)
        production.update(arn)
        until(lambda: users.summary().failed > 0, 30)

    summary = stopped_after(users, work)
    assert "http_5xx" in summary.failures, summary.line()


@pytest.mark.walk
@pytest.mark.parametrize(("delay", "harmed"), [(5, True), (60, False)])
def test_a_deregistration_delay_shorter_than_the_slowest_answer(
    production: Production, delay: int, harmed: bool
) -> None:
    """Answers take 2 s; the delay is 0.5 s or 6 s of the bed's time."""
    production.delay(delay)
    production.deploy(production.revision(SLOW_ANSWER="2"))
    users = production.users(pace=0.5)

    def work() -> None:
        all_at_work(users, 1)
        production.deploy(production.revision(SLOW_ANSWER="2"))

    summary = stopped_after(users, work)
    assert (summary.failed > 0) is harmed, summary.first_failures
    assert summary.lost_messages == 0


@pytest.mark.parametrize(
    ("fault", "failures", "lost"), [("LOSES_MESSAGES", set(), True), ("ANSWER_500", {"http_5xx"}, False)]
)
def test_a_release_with_a_defect(production: Production, fault: str, failures: set[str], lost: bool) -> None:
    users = production.users(pace=0.5)

    def work() -> None:
        all_at_work(users, 6)
        production.deploy(production.revision(**{fault: "1"}))
        until(lambda: users.summary().lost_messages if lost else users.summary().failed, 30)

    summary = stopped_after(users, work)
    assert set(summary.failures) == failures, summary.first_failures
    assert (summary.lost_messages > 0) is lost


@pytest.mark.usefixtures("patient_watch")
def test_a_target_that_is_taken_away_moves_its_users_off_an_unhealthy_one(production: Production) -> None:
    """A task that is stopped by hand: its users move, and not off a healthy target."""
    users = production.users()

    def work() -> None:
        all_at_work(users)
        task = production.ecs.list_tasks(cluster=CLUSTER, serviceName=SERVICE)["taskArns"][0]
        production.ecs.stop_task(cluster=CLUSTER, task=task)
        all_at_work(users, 3)

    summary = stopped_after(users, work)
    assert (summary.failed, summary.lost_messages, summary.moves_off_healthy) == (0, 0, 0), summary.line()
    assert summary.moves > 0


def test_users_with_each_others_cookies_move_off_healthy_targets(production: Production) -> None:
    users = production.users(count=12)

    def work() -> None:
        all_at_work(users)
        cookies = [dict(user.browser.cookies) for user in users.users]
        for user, others in zip(users.users, cookies[1:] + cookies[:1], strict=True):
            user.browser.cookies.update(others)
        all_at_work(users)

    summary = stopped_after(users, work)
    assert summary.moves_off_healthy == summary.moves > 0, summary.line()
    assert (summary.failed, summary.lost_messages) == (0, 0)
