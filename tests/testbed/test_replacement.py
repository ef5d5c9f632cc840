"""What ends or falls ill during a rolling deployment is replaced by its own revision, whatever the new one does.

Source: "Deploy Amazon ECS services by replacing tasks", .../deployment-type-ecs.html; What's New of November 2025,
"Amazon ECS improves Service Availability during Rolling deployments".
"""

from collections import Counter

import pytest

from tests.testbed.beds import World, until
from tests.testbed.test_instances import create, definition, unplaced
from tests.testbed.test_scheduler import NO_ROLLBACK, broken, declare, deployed, ended


def versions(world: World) -> Counter[str]:
    """How many tasks are to run of each revision."""
    return Counter(task["taskDefinitionArn"] for task in world.tasks())


def end(world: World, definition: str, count: int) -> None:
    """End some tasks of a revision, as a host that retires does."""
    arns = [task["taskArn"] for task in world.tasks() if task["taskDefinitionArn"] == definition]
    for arn in arns[:count]:
        world.ecs.stop_task(cluster=world.name, task=arn)


def scaled(world: World, definition: str, count: int) -> None:
    """Set the desired count; returns when as many tasks of this revision are to run."""
    world.update(desiredCount=count)
    until(lambda: versions(world)[definition] == count, what=world.deployments)


@pytest.fixture(params=["goes on", "stalled"])
def failing(request: pytest.FixtureRequest, declared: World) -> str:
    """A service of three whose new revision cannot run, with the circuit breaker off or without rollback; the old
    revision."""
    goes_on = request.param == "goes on"
    first = deployed(declared, deploymentConfiguration={"maximumPercent": 200} if goes_on else NO_ROLLBACK)
    declared.update(taskDefinition=broken(declared, "crash"))
    if goes_on:
        until(lambda: declared.deployments()[0][3] >= 3)
    else:
        ended(declared, "STOPPED")
    return first


@pytest.mark.parametrize("count", [1, 3])
def test_what_ends_is_replaced_by_its_own_revision(declared: World, failing: str, count: int) -> None:
    before = {task["taskArn"] for task in declared.tasks() if task["taskDefinitionArn"] == failing}
    end(declared, failing, count)

    def back() -> bool:
        own = {
            t["taskArn"] for t in declared.tasks() if t["taskDefinitionArn"] == failing and t["lastStatus"] == "RUNNING"
        }
        return len(own) == 3 and len(own - before) == count

    until(back, what=lambda: (declared.deployments(), declared.tasks()))
    assert [(d[0], d[2]) for d in declared.deployments()] == [("PRIMARY", 2), ("ACTIVE", 1)]


def test_what_is_unhealthy_is_replaced_by_its_own_revision(declared: World) -> None:
    """Both are ill here, so no replacement gets well: what is replaced is of the old revision all the same."""
    first = deployed(declared, deploymentConfiguration={"maximumPercent": 134}, healthCheckGracePeriodSeconds=100000)
    before = {task["taskArn"] for task in declared.tasks()}
    declare(declared, first, "unhealthy")
    declared.update(taskDefinition=broken(declared, "unhealthy"), healthCheckGracePeriodSeconds=0)  # not before it

    def replaced() -> bool:
        now = {task["taskArn"] for task in declared.tasks() if task["taskDefinitionArn"] == first}
        return bool(before - now) and bool(now - before)

    until(replaced, what=declared.deployments)


def test_a_scale_out_is_for_both_revisions(declared: World, failing: str) -> None:
    """And a scale-in: a new revision that is given up keeps nothing of the old one from it."""
    for count in (5, 3, 0):
        scaled(declared, failing, count)


def test_room_that_the_old_revision_cannot_use_is_the_new_ones(declared: World) -> None:
    declared.instance()
    first, second = (definition(declared, memory) for memory in (1500, 400))
    create(declared, first, healthCheckGracePeriodSeconds=100000)
    declared.completed(first)
    declare(declared, first, "unhealthy")
    declared.update(healthCheckGracePeriodSeconds=0)
    until(lambda: unplaced(declared))
    declared.update(taskDefinition=second)
    declared.completed(second)


def test_a_revision_that_is_a_task_short_when_it_is_replaced_gets_it_all_the_same(declared: World) -> None:
    first = deployed(declared, deploymentConfiguration={"maximumPercent": 200})
    declare(declared, first, "never-starts")
    end(declared, first, 1)
    # After eight in a row the next is not tried for 30 s of AWS's.
    until(lambda: len([t for t in declared.tasks("STOPPED") if t["stopCode"] == "TaskFailedToStart"]) >= 8)
    declared.update(taskDefinition=broken(declared, "crash"))
    declare(declared, first, "healthy")

    def whole() -> bool:
        own = [t for t in declared.tasks() if t["taskDefinitionArn"] == first]
        return [t["lastStatus"] for t in own] == ["RUNNING"] * 3

    until(whole, what=declared.deployments)


def test_an_old_revision_whose_tasks_ended_goes_when_the_new_one_is_healthy(declared: World) -> None:
    first = deployed(declared)
    second = declared.register("v2")
    declare(declared, second, "unhealthy")
    declared.update(taskDefinition=second, healthCheckGracePeriodSeconds=100000)
    until(lambda: versions(declared)[second] == 3)
    end(declared, first, 3)
    until(lambda: versions(declared)[first] == 3, what=declared.deployments)
    declare(declared, second, "healthy")
    assert declared.completed(second)["runningCount"] == 3
    until(lambda: versions(declared) == {second: 3})
