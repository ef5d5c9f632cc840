"""After the role: one new revision, one deployment, and users are served by it."""


def test_tasks_run_one_new_revision(world):
    assert len(world.revisions()) == len(world.before["revisions"]) + 1
    assert world.revision() == world.revisions()[-1]
    names = {task["taskDefinitionArn"].rsplit("/", 1)[-1] for task in world.running()}
    assert names == {world.revision()}


def test_running_tasks_have_the_declared_variable_and_keep_the_others(world):
    assert world.environments() == [{"GREETING": "good day", "LANGUAGE": "en"}] * 2


def test_the_declared_setting_is_live_and_the_others_are_as_before(world):
    service = world.service()
    assert service["healthCheckGracePeriodSeconds"] == 30
    assert service["deploymentConfiguration"] == world.before["service"]["deploymentConfiguration"]


def test_users_are_served_by_the_new_revision(world):
    assert sorted(world.targets().values()) == ["healthy", "healthy"]
    assert {world.answer()["version"] for _ in range(4)} == {"2"}


def test_there_is_exactly_one_deployment_more(world):
    assert [each["status"] for each in world.deployments_since()] == ["SUCCESSFUL"]


def test_the_service_was_updated_once(world):
    assert world.writes()[-2:] == ["RegisterTaskDefinition", "UpdateService"]


def test_a_revision_that_crashes_is_named_with_its_cause_and_does_not_stay(world):
    revision = world.revision()
    run = world.play("crashing.yml")
    assert run.status == 2, run.text
    assert "Container app (steady/echo:2) exited with code 3" in run.text
    assert world.revision() == revision, "the circuit breaker went back"
    assert world.answer()["version"] == "2"
