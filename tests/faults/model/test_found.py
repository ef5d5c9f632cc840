"""What the sweeps and readers of the code have found, smallest plans only: each failed once and must hold for ever."""

from __future__ import annotations

import pickle

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.edges import held
from ansible_collections.steady.ecs.plugins.module_utils.work import Task, TooLate

from tests.faults.model import chains, deployers, ecs, scenarios
from tests.faults.model.ecs import BAD, CLUSTER, SERVICE
from tests.faults.model.judge import carried_out, of_intent, of_world, plan_of
from tests.faults.model.scenarios import BY_NAME, Command
from tests.faults.model.wire import Run, set_current

FOUND = {
    "rollback|s3|0:32:outage|": "a rollback that failed halfway, typed again, restored the release that was to be left",
    "rollback|files|0:7:border|": "a rollback that was cut, typed again, forced a second deployment",
    "bad image|s3|0:83:expired|": "a release that ECS put back while nobody watched was deployed a second time",
    "bad image|files|0:58:kill_before|": "the run after a crash was refused while ECS put our own release back",
    "deploy|s3|0:100:expired|": "a report that could not be made hid the outcome",
}


CHAINS = {
    "rollback,35:expired second": "a run without differences left a dead rollback open for ever",
    "attributes,95:kill_after second,4:border attributes": "what dead runs left was live, declared, and unproven",
    "bad,89:int_before": "what ECS put back from a dead release was taken for somebody else's deployment",
    "bad,60:term_after": "a deployment that ECS puts back was somebody else's to the next run",
}


FOLDER_CHAINS = {
    "attributes,34:kill_before first": "a record that the head does not count stayed open in a run without differences",
}


@pytest.mark.parametrize("chain", FOLDER_CHAINS)
def test_the_chains_that_were_found_in_a_folder_hold(chain: str) -> None:
    steps = [chains.step_of(each) for each in ("first", *chain.split())]
    assert chains.chained(steps, files=True).wrong == [], FOLDER_CHAINS[chain]


@pytest.mark.parametrize("chain", CHAINS)
def test_the_chains_that_were_found_hold(chain: str) -> None:
    steps = [chains.step_of(each) for each in ("first", "second", *chain.split())]
    assert chains.chained(steps).wrong == [], CHAINS[chain]


@pytest.mark.parametrize("plan", FOUND, ids=str)
def test_what_was_found_once_holds(plan: str) -> None:
    assert carried_out(plan_of(plan)).wrong == [], FOUND[plan]


class Overtaken(Run):
    """Somebody changes the service by hand when this run has made its plan."""

    moment = "target_group_attributes"

    def begin_task(self, task: Task, name: str) -> None:
        super().begin_task(task, name)
        if name == self.moment:
            self.cloud.attributes[scenarios.DURATION] = "17"
            self.cloud.settings["healthCheckGracePeriodSeconds"] = 17


def test_a_run_that_had_nothing_to_release_changes_nothing_that_came_later() -> None:
    """It has neither lease nor record, so what it wrote would be nobody's, in the midst of somebody's release."""
    cloud = BY_NAME["third deploy"].start()
    run = Overtaken(cloud)
    ended = scenarios.play(cloud, Command("deploy", scenarios.SECOND), run)
    assert [each.method for each in run.trace if each.write and each.service != "s3"] == [
        "modify_target_group_attributes"
    ]
    assert (cloud.attributes[scenarios.DURATION], cloud.settings["healthCheckGracePeriodSeconds"]) == ("17", 17)
    assert (ended.outcome.word, ended.outcome.failed) == ("superseded", True)
    assert "Run the same command again" in ended.outcome.detail and not run.wrong
    assert scenarios.play(cloud, Command("deploy", scenarios.SECOND)).outcome.word == "proven"


def test_a_run_whose_plan_was_released_while_it_waited_is_overtaken_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Race 58 of real deployers: what it had planned counted, though nothing was left of that under the lease."""
    cloud, taking = BY_NAME["deploy"].start(), held.take
    run, other = Overtaken(cloud), [Command("deploy", scenarios.SECOND)]
    run.moment = "service_health"

    def late(task: Task, why: str) -> held.Held:
        if other:
            assert scenarios.play(cloud, other.pop()).outcome.word == "proven"
            set_current(run)
        return taking(task, why)

    monkeypatch.setattr(held, "take", late)
    ended = scenarios.play(cloud, Command("deploy", scenarios.SECOND), run)
    assert not [each.method for each in run.trace if each.write and each.service == "ecs"] and not run.wrong
    assert (ended.outcome.word, ended.outcome.failed) == ("superseded", True)
    assert "Run the same command again" in ended.outcome.detail


def test_a_release_whose_writes_never_leave_in_time_is_interrupted_not_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is known against it: undoing it would be a change for want of time (interleaving 913)."""

    def late(_self: held.Held) -> None:
        raise TooLate("not sent", reason="too_late")

    cloud, command = BY_NAME["deploy"].start(), BY_NAME["deploy"].command
    with monkeypatch.context() as patched:
        patched.setattr(held.Held, "in_time", late)
        assert scenarios.play(cloud, command).outcome.word == "interrupted"
    assert scenarios.play(cloud, command).outcome.word == "proven"
    assert scenarios.seen(cloud) == BY_NAME["deploy"].undisturbed()[0]


def test_a_release_that_found_a_dead_ones_deployment_under_way_is_put_back_whole() -> None:
    """What ECS returned to was neither what the release had found nor its own, and counted as somebody else's."""
    cloud = scenarios.by_hand()
    assert scenarios.play(cloud, Command("deploy", scenarios.FIRST)).outcome.word == "proven"
    endless = Command("deploy", scenarios.ENDLESS)
    trace = scenarios.play(pickle.loads(pickle.dumps(cloud)), endless).run.trace  # noqa: S301 our own bytes
    begun = next(number for number, each in enumerate(trace) if each.method == "update_service")
    assert scenarios.play(cloud, endless, Run(cloud, {begun + 3: "kill_before"})).outcome.killed
    worse = {**scenarios.ENDLESS, "rollout_images": {"web": f"example.com/web:{BAD}-2"}}
    ended = scenarios.play(cloud, Command("deploy", worse))
    assert ended.outcome.word == "failed_rolled_back", ended.outcome.detail
    assert of_world(cloud) == of_intent(scenarios.FIRST)


class Restarted(Run):
    """Somebody starts all tasks anew just before this run opens its release."""

    once = False

    def begin_task(self, task: Task, name: str) -> None:
        super().begin_task(task, name)
        if name == "release" and not self.once:
            self.once = True
            self.cloud.update_service(CLUSTER, SERVICE, forceNewDeployment=True)


def test_tasks_that_somebody_starts_anew_are_not_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """ECS was asked to go back from a restart, and the run that wanted one too was proven without any."""
    monkeypatch.setattr(ecs, "COMPLETE", 12.0)  # it is under way until our deployment begins
    cloud = scenarios.by_hand()
    assert scenarios.play(cloud, Command("deploy", scenarios.FIRST)).outcome.word == "proven"
    before, forced = cloud.last_completed, Command("deploy", {**scenarios.FIRST, "rollout_force": True})
    assert scenarios.play(cloud, forced, Restarted(cloud)).outcome.word == "proven"
    assert cloud.last_completed == cloud.primary["id"] != before


RACES = {1318: "attributes that whoever had taken over set since were a failure of the run that had stood still"}


@pytest.mark.parametrize("seed", RACES)
def test_the_races_that_were_found_hold(seed: int) -> None:
    assert deployers.interleaved(seed).wrong == [], RACES[seed]
