"""What each playbook does at most: the plays whose calls are all that its policy must allow."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

from tests.faults.plays.place import CLUSTER
from tests.faults.plays.player import Ended
from tests.iam.stage import ACCOUNT, BESIDE, BLUE_GREEN, DECLARED, IMAGE, KEY, PAUSE, REGION, Stage

Plays = Iterator[tuple[str, Ended]]
"""How each play must end when its policy is enough, and how it ended."""
BRIEF = {"rollout_wait_timeout": 120, "health_wait_timeout": 5}
OWNED = {
    "target_group_owner": "stack",
    "target_group_attributes": {"stickiness.enabled": True, "stickiness.lb_cookie.duration_seconds": 3600},
}
NEXT = {"containers": {"app": {"environment": {"VERSION": "3"}}}}
PINNED = {"rollout_pin_images": True, "rollout_images": {"app": f"{IMAGE}:v1"}}


def deploy(stage: Stage) -> Plays:
    """One into another VPC, which is refused; one that changes everything; of a stack's attribute, one that would
    change more, one that the stack goes back from, and one that it keeps; one that crashes and is rolled back."""
    stage.owned()
    yield "error", stage.play("deploy", rollout_settings={"networkConfiguration": stage.other_network()})
    yield "proven", stage.play("deploy", **BESIDE)
    stage.rest()
    stage.stacked(shared=True)
    yield "failed_rolled_back", stage.play("deploy", **BESIDE, **OWNED)
    stage.stacked(fails="Rate exceeded")
    yield "failed_rolled_back", stage.play("deploy", **BESIDE, **OWNED)
    stage.stacked()
    yield "proven", stage.play("deploy", **BESIDE, **OWNED)
    stage.patient()
    stage.fares("crash")
    yield "failed_rolled_back", stage.play("deploy", **BESIDE, **OWNED, rollout_changes=NEXT)


def rollback(stage: Stage) -> Plays:
    """Of an attribute that a stack owns: one that would change more, one that the stack goes back from, and one that it
    keeps; back to a revision that was deregistered; one whose tasks crash; from a deployment that is still under way.
    """
    stage.owned()
    stage.given("deploy", **BESIDE)
    stage.stacked()
    stage.given("deploy", **BESIDE, **OWNED)
    released = {"Seconds": "3600"}
    stage.stacked(shared=True, parameters=released)
    yield "failed", stage.play("rollback", target_group_owner="stack")
    stage.stacked(fails="Rate exceeded", parameters=released)
    yield "failed", stage.play("rollback", target_group_owner="stack")
    stage.stacked(parameters=released)
    yield "proven", stage.play("rollback", target_group_owner="stack")
    stage.ecs.deregister_task_definition(taskDefinition=stage.definition)
    yield "proven", stage.play("rollback", rollback_to="1")
    stage.rest()
    base = stage.service()["taskDefinition"]
    stage.given("deploy", rollout_changes=NEXT, target_group_owner="steady")
    stage.fares("crash", base)
    yield "failed", stage.play("rollback", **BRIEF)
    stage.fares("healthy", base)
    yield "proven", stage.play("rollback")
    stage.rest()
    stage.patient()
    stage.fares("unhealthy")
    worse = {"containers": {"app": {"environment": {"VERSION": "4"}}}}
    declared = {"rollout_changes": worse, "target_group_owner": "steady"}
    begun = stage.play("deploy", key="emulator", **declared, rollout_wait_timeout=30, rollout_fail_fast=False)
    assert begun.outcome == "interrupted", begun.text
    yield "proven", stage.play("rollback")


def verify(stage: Stage) -> Plays:
    """Of a release on record, whose images are pinned, of a service whose deployments shift traffic."""
    stage.given("deploy", **PINNED)
    stage.shifting()
    stage.rest()
    yield "proven", stage.play("verify", **PINNED)


def drift(stage: Stage) -> Plays:
    """Where nothing is on record; and of a release, beside a template whose groups have no names."""
    yield "drifted", stage.play("drift")
    stage.owned()
    stage.given("deploy", **BESIDE)
    yield "unchanged", stage.play("drift", **BESIDE, target_group_template=stage.template())


def history(stage: Stage) -> Plays:
    """Of one release."""
    stage.given("deploy")
    yield "unchanged", stage.play("history")


def status(stage: Stage) -> Plays:
    """Of a service whose range was declared, and whose deployment is under way."""
    stage.owned()
    stage.given("deploy", **BESIDE)
    stage.under_way()
    yield "unchanged", stage.play("status")


def scale(stage: Stage) -> Plays:
    """To two tasks; and to three while a deployment is under way whose tasks crash."""
    stage.given("deploy")
    yield "proven", stage.play("scale", scale_count=2)
    stage.under_way()
    yield "failed", stage.play("scale", scale_count=3, **BRIEF)


def restart(stage: Stage) -> Plays:
    """Of all tasks; and one whose new tasks cannot be started."""
    stage.given("deploy")
    yield "proven", stage.play("restart")
    stage.rest()
    stage.fares("never-starts", stage.service()["taskDefinition"])
    yield "interrupted", stage.play("restart", **BRIEF)


def stop(stage: Stage) -> Plays:
    """Of a deployment whose tasks never become healthy."""
    stage.given("deploy")
    stage.under_way()
    yield "proven", stage.play("stop")


def answer(stage: Stage) -> Plays:
    """A pause before the first task: what then starts well, and what crashes."""
    stage.given("deploy")
    stage.shifting(PAUSE)
    stage.paused("healthy")
    yield "proven", stage.play("continue")
    stage.rest()
    stage.paused("crash")
    yield "failed", stage.play("continue", **BRIEF)


def shifting(stage: Stage) -> Plays:
    """A service whose deployments shift traffic: declared, released, taken back; and a bad release of it."""
    stage.given("deploy")
    declared = {"loadBalancers": stage.pair(), "deploymentConfiguration": BLUE_GREEN}
    yield "proven", stage.play("deploy", rollout_settings={**DECLARED["rollout_settings"], **declared})
    stage.rest()
    yield "proven", stage.play("deploy", rollout_changes=NEXT)
    stage.rest()
    yield "proven", stage.play("rollback")
    stage.rest()
    stage.fares("crash")
    worse = {"containers": {"app": {"environment": {"VERSION": "4"}}}}
    yield "failed_rolled_back", stage.play("deploy", rollout_changes=worse, **BRIEF)


def gated(stage: Stage) -> Plays:
    """Of a service with tags, releases that a one-off task has to let through: one that it does, and one that it does
    not."""
    stage.tagged()
    yield "proven", stage.play("deploy", rollout_before=[{"command": ["true"]}])
    stage.rest()
    stage.fares("crash")
    yield "failed_rolled_back", stage.play("deploy", rollout_changes=NEXT, rollout_before=[{"command": ["false"]}])


def promoted(stage: Stage) -> Plays:
    """What was taken over from a release on record, verified by what stands there."""
    stage.given("deploy", **PINNED)
    place = f"{stage.store}/{ACCOUNT}/{REGION}/{CLUSTER}/{stage.name}"
    yield "proven", stage.play("verify", rollout_pin_images=True, release_from=place)


def prune(stage: Stage) -> Plays:
    """With a rule, a schedule and a deployment under way that name revisions; the answer to one call is lost."""
    stage.scheduled()
    stage.register("unused")
    stage.given("deploy")
    stage.given("deploy", rollout_changes=NEXT)
    stage.sibling_under_way()
    stage.loses("DeregisterTaskDefinition", 1)
    yield "proven", stage.play("prune", prune_keep=1)


def unlock(stage: Stage) -> Plays:
    """Of a lease that a dead run has left."""
    stage.given("deploy")
    stage.abandoned_lease()
    yield "proven", stage.play("unlock", unlock_key="dead")


def run_task(stage: Stage) -> Plays:
    """Of a service with tags: one that ends well, one of whose start no answer comes and which the same command
    follows, and one that cannot."""
    stage.given("deploy")
    stage.tagged()
    yield "proven", stage.play("run_task", run_task_command=["true"])
    stage.loses("RunTask", 3)
    yield "interrupted", stage.play("run_task", run_task_command=["true"])
    yield "proven", stage.play("run_task", run_task_command=["true"])
    stage.fares("crash", stage.service()["taskDefinition"])
    yield "failed", stage.play("run_task", run_task_command=["false"])


def store(stage: Stage) -> Plays:
    """Of a bucket that there is not yet."""
    stage.bed.client("s3").delete_bucket(Bucket=stage.bucket)
    yield "proven", stage.play("store", release_store_create=True)


def init(stage: Stage) -> Plays:
    """Of a service that was made by hand, whose deployments shift traffic."""
    stage.shifting()
    stage.rest()
    named = {"service_region": REGION, "service_cluster": CLUSTER, "service_name": stage.name}
    reached = {"service_endpoint_url": stage.bed.endpoint, "service_access_key": KEY, "service_secret_key": "x"}
    given = {**named, **reached, "init_folder": str(stage.folder / stage.name / "imported")}
    url = f"{stage.bed.endpoint}/_localstack/health"
    yield "proven", stage.player.run("playbooks/init.yml", "-e", json.dumps({**given, "service_url": url}))


VERBS: dict[str, Callable[[Stage], Plays]] = {
    "continue": answer,
    **{
        each.__name__: each
        for each in (
            *(deploy, rollback, verify, drift, history, status, scale, restart, stop, prune, unlock, run_task, store),
            init,
        )
    },
}
