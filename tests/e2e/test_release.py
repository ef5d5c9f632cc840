"""The production deployment as an operator makes it: plan, release, failure, interruption, the way back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from tests.e2e.conftest import Checkout, until

NEW_URL = "http://localhost:5555/sse/v1/devmode/app/priv/production-main"


def declare(checkout: Checkout, **values: object) -> None:
    """Change what the local inventory declares."""
    path = checkout.path / "inventories/local/host_vars/pardon-production-service.yml"
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **values}))


def crashing(checkout: Checkout) -> None:
    """Declare a change that lets every new task crash at its start."""
    changes = {"containers": {"coral": {"environment": {"CRASH_AT_START": "3"}}}}
    declare(checkout, rollout_changes=changes)


def test_check_mode_tells_the_plan_and_writes_nothing(production: Checkout) -> None:
    production.admin("DELETE", "/_bed/calls")
    plan = production.run("./steady", "play", "deploy.yml", "--check", "--diff")
    assert plan.status == 0, plan.text
    for part in ("3600", "86400", "CORAL_SESSIONS", NEW_URL):
        assert part in plan.text
    assert "ecs:UpdateService (taskDefinition), which starts a deployment of 3 tasks" in plan.text
    assert production.writes() == []
    assert production.revision() == "pardon-simulator:74"
    assert not (production.path / ".state/releases").exists()


@pytest.mark.walk
def test_a_release_is_made_once_and_undone_whole(production: Checkout) -> None:
    first = production.run("./steady", "play", "deploy.yml")
    assert first.status == 0, first.text
    last = first.text.rstrip().splitlines()[-1]
    assert last.startswith("pardon-production-service: outcome: proven: "), "below the recap, where people look"
    assert production.revision() == "pardon-simulator:75"
    assert production.stickiness() == "86400"
    assert "CORAL_SESSIONS" not in production.environment_of("coral")
    assert {production.environment_of(f"agent-{n}")["CORAL_SSE_URL"] for n in range(1, 9)} == {NEW_URL}

    production.admin("DELETE", "/_bed/calls")
    second = production.run("./steady", "play", "deploy.yml")
    assert second.status == 0, second.text
    assert "outcome: unchanged" in second.text
    assert "changed=0" in second.text
    assert production.writes() == []
    assert [each["kind"] for each in production.records()] == ["baseline", "deploy"]

    # In one call with playbooks whose results are still there, and must not be taken for the rollback's own.
    back = production.run("./steady", "play", "deploy.yml", "verify.yml", "rollback.yml")
    assert back.status == 0, back.text
    assert [(each["kind"], each["state"]) for each in production.records()][2:] == [("rollback", "succeeded")]
    assert production.revision() == "pardon-simulator:74"
    assert production.stickiness() == "3600"
    assert production.environment_of("coral")["CORAL_SESSIONS"].startswith("pool-0")

    again = production.run("./steady", "play", "deploy.yml")
    assert again.status == 0, again.text
    assert production.revision() == "pardon-simulator:75", "the equal revision is used again, no third one is made"


def test_a_failed_deploy_is_put_back_whole_and_ends_with_its_cause(production: Checkout) -> None:
    crashing(production)
    before = production.attributes()
    done = production.run("./steady", "play", "deploy.yml")
    assert done.status == 3, done.text
    assert production.revision() == "pardon-simulator:74"
    assert production.attributes() == before
    until(lambda: len(production.service()["deployments"]) == 1)
    last = done.text[done.text.rindex("outcome: failed_rolled_back") :]
    assert "coral" in last
    assert "exited with code 3" in last
    record = production.records()[-1]
    assert (record["state"], record["verdict"]["rolled_back_by"]) == ("rolled_back", "ecs")

    plain = production.run("ansible-playbook", "deploy.yml")
    assert plain.status == 2, "ansible-playbook itself ends non-zero too, although the play was rescued"


@pytest.mark.walk
def test_nothing_answers_is_one_sentence(checkout: Checkout) -> None:
    done = checkout.run("./steady", "play", "deploy.yml")
    assert done.status == 1
    assert "Nothing answers at http://127." in done.text
    assert "./steady bed start" in done.text
    assert "Traceback" not in done.text
    assert checkout.run("ansible-playbook", "drift.yml").status == 2, "what could not be compared is no success"


def test_what_only_a_later_role_takes_is_checked_before_the_first_call(checkout: Checkout) -> None:
    done = checkout.run("./steady", "play", "deploy.yml", "-e", "health_desired_count=three")
    assert done.status == 1
    assert "argument 'health_desired_count' is of type str" in done.text
    assert "Nothing answers" not in done.text


@pytest.mark.walk
def test_drift_is_named_by_property_and_by_exit_status(production: Checkout, tmp_path: Path) -> None:
    report = tmp_path / "drift.json"
    found = production.run("./steady", "drift", "-e", f"drift_file={report}")
    assert found.status == 2, found.text
    content = json.loads(report.read_text())
    assert content["status"] == "DRIFTED"
    paths = {each["path"] for each in content["hosts"]["pardon-production-service"]["differences"]}
    assert "stickiness.lb_cookie.duration_seconds" in paths
    assert "containerDefinitions[coral].environment[CORAL_SESSIONS]" in paths

    looked = production.run("./steady", "play", "verify.yml", "--check", "-e", "verify_wait_timeout=1")
    assert looked.status == 4, "verification only reads, so check mode is no reason not to look"

    assert production.run("./steady", "play", "deploy.yml").status == 0
    production.admin("DELETE", "/_bed/calls")
    clean = production.run("./steady", "drift", "-e", f"drift_file={report}")
    assert clean.status == 0, clean.text
    assert json.loads(report.read_text())["status"] == "IN_SYNC"
    assert production.writes() == []
    mine = production.path.parent / "mine.json"
    assert production.run("./steady", "play", "verify.yml", "-e", f"release_result_file={mine}").status == 0
    assert json.loads(mine.read_text())["outcome"] == "proven"


@pytest.mark.walk
def test_several_services_are_changed_only_when_it_is_meant(checkout: Checkout) -> None:
    checkout.prepare("--engine", "none")
    hosts = checkout.path / "inventories/local/hosts.yml"
    hosts.write_text(hosts.read_text() + "    another-service:\n")
    variables = checkout.path / "inventories/local/host_vars"
    declared = yaml.safe_load((variables / "pardon-production-service.yml").read_text())
    (variables / "another-service.yml").write_text(yaml.safe_dump({**declared, "service_name": "another-service"}))
    checkout.admin("DELETE", "/_bed/calls")
    refused = checkout.run("./steady", "play", "deploy.yml")
    assert refused.status == 1, refused.text
    assert "This would change 2 services: pardon-production-service, another-service" in refused.text
    assert "--limit" in refused.text
    assert checkout.admin("GET", "/_bed/calls")["log"] == []
    nobody_answers = json.dumps({"health_endpoints": [], "health_task_identity": {}})  # tasks without processes
    meant = checkout.run("./steady", "play", "deploy.yml", "-e", "deploy_many=true", "-e", nobody_answers)
    assert meant.status == 1, "the second service does not exist"
    assert checkout.revision() == "pardon-simulator:75", "one host's error stays that host's"
    assert "has no active service another-service" in meant.text
