"""Rules of the release record: what may follow what, what counts as the same state, where a rollback goes."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from ansible_collections.steady.ecs.plugins.module_utils.rules import intent, outcome, records, release, restore, states

ACCOUNT, REGION = "640080112933", "us-east-1"
FAMILY = f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/web"
GROUP = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:targetgroup/web/6cd8923ffc120347"
OTHER = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:targetgroup/other/7cd8923ffc120347"
IDENTITY = records.Identity(ACCOUNT, REGION, "production", "web")
NOW = "2025-11-27T10:00:00Z"


def live(revision: int = 74, seconds: str = "3600", grace: int = 0, **attributes: str) -> dict[str, Any]:
    return {
        "task_definition": f"{FAMILY}:{revision}",
        "deployment": f"ecs-svc/{revision}",
        "settings": {"healthCheckGracePeriodSeconds": grace},
        "running": 3,
        "attributes": {GROUP: {"duration": seconds, "stickiness.enabled": "true", **attributes}},
    }


class Service:
    """A service and its store in memory: a test says what happens to it."""

    def __init__(self) -> None:
        self.live, self.head, self.records = live(), records.new_head(), dict[int, Any]()

    def write(self, writes: list[release.Write]) -> None:
        for each in writes:
            if each.how == release.HEAD:
                self.head = each.document
            else:
                self.records[each.document["seq"]] = each.document

    def open(self, kind: str = "deploy", restores: int | None = None, **declared: Any) -> release.Opening:
        wanted = {"changes": {}, "definition": {}, "images": {}, "settings": {}, "attributes": {}, **declared}
        made = intent.intent(self.live["task_definition"], **wanted)
        request = release.Request(IDENTITY, kind, made, {"who": "ada"}, "nonce", restores)
        opening = release.opening(self.head, self.records, request, self.live, NOW)
        self.write(opening.writes)
        return opening

    def deploy(self, revision: int, seconds: str, outcome: str = "proven") -> int:
        record = self.open(changes={"cpu": "512"}, attributes={GROUP: {"duration": seconds}}).record
        record = release.step(record, {"task_definition": f"{FAMILY}:{revision}", "deployment": "d"}, NOW)
        if outcome == "proven":
            self.live = live(revision, seconds)
        self.write(release.closing(self.head, record, outcome, {}, NOW))
        return int(record["seq"])

    def choose(self, wanted: int | None = None) -> restore.Choice:
        return restore.choose(self.head, self.records, self.live, wanted)

    def roll_back(self, wanted: int | None = None) -> int:
        choice = self.choose(wanted)
        assert choice.record is not None
        put_back = restore.restoration(choice.record, self.records, self.live)
        opening = self.open("rollback", put_back["seq"])
        record = {**opening.record, "intent": intent.restoring(put_back)}
        state = states.state_of(choice.record)
        self.live = {**self.live, **state}
        self.write(release.closing(self.head, release.step(record, {}, NOW), "proven", {}, NOW))
        return int(record["seq"])


def test_every_outcome_has_a_weight_and_a_status() -> None:
    assert sorted(outcome.OUTCOMES_BY_WEIGHT) == sorted(outcome.OUTCOME_STATUS)
    assert set(release.STATE_OF_OUTCOME) | {"drifted", "interrupted"} == set(outcome.OUTCOME_STATUS)
    assert set(release.STATE_OF_OUTCOME.values()) <= records.FINAL


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["unchanged", "proven"], "proven"),
        (["proven", "failed", "error"], "failed"),
        (["failed_rolled_back", "interrupted"], "interrupted"),
        (["held", "drifted"], "held"),
        ([], "error"),
        (["proven", "nonsense"], "error"),
    ],
)
def test_a_run_ends_with_its_worst_word(words: list[str], expected: str) -> None:
    assert outcome.worst(words) == expected


def test_the_tool_is_the_version_of_the_collection() -> None:
    with open("galaxy.yml", encoding="utf-8") as file:
        assert yaml.safe_load(file)["version"] == records.TOOL


def test_a_final_state_has_no_successor() -> None:
    service = Service()
    number = service.deploy(75, "86400")
    for state in records.TRANSITIONS:
        with pytest.raises(ValueError, match="is succeeded"):
            records.moved(service.records[number], state, NOW)


def test_every_write_is_marked() -> None:
    service = Service()
    service.deploy(75, "86400")
    last, head = service.records[2], service.head
    assert last["write_id"] == f"nonce.{last['n']}" and last["n"] == 4
    assert (head["seq"], head["current"], head["open"], head["n"], head["lease"]) == (2, 2, None, 2, None)


def test_intent_and_before_never_change_but_for_the_registered_revision() -> None:
    service = Service()
    opened = service.open(changes={"cpu": "512"}, attributes={GROUP: {"duration": "1"}}).record
    later = release.step(opened, {"task_definition": f"{FAMILY}:75"}, NOW)
    again = release.step(later, {"task_definition": f"{FAMILY}:76", "deployment": "d"}, NOW)
    assert later["intent"]["task_definition"]["revision"] == f"{FAMILY}:75"
    assert again["intent"] == later["intent"] and again["before"] == opened["before"]
    assert [opened["state"], later["state"], again["state"]] == ["applying", "applying", "verifying"]


def test_each_record_is_read_back_whatever_family_somebody_has_put_there_by_hand() -> None:
    """A release keeps the service's family; what it finds, and what it goes back to, may be another's."""
    service, by_hand = Service(), {**live(1), "task_definition": f"{FAMILY}-2:1"}
    service.deploy(75, "100")
    service.live = by_hand
    assert service.roll_back() == 4, "after a baseline of what was put there"
    assert (service.records[3]["kind"], service.live["task_definition"]) == ("baseline", f"{FAMILY}:75")
    service.live = by_hand
    put_back = restore.restoration(service.records[4], service.records, service.live)
    died = service.open("rollback", put_back["seq"]).record["seq"]
    service.records[died] = {**service.records[died], "intent": intent.restoring(put_back)}
    service.live = {**by_hand, "task_definition": f"{FAMILY}:75"}
    back = release.step(service.open(changes={"cpu": "1"}).record, {"task_definition": f"{FAMILY}:77"}, NOW)
    assert service.records[back["base"]]["before"]["task_definition"] == f"{FAMILY}-2:1"
    back = release.step(release.rolling_back(back, NOW), {"task_definition": f"{FAMILY}-2:2"}, NOW)
    service.write(release.closing(service.head, back, "failed_rolled_back", {}, NOW))
    assert service.records[died]["state"] == "abandoned"
    service.live = by_hand
    opened = service.open(changes={"cpu": "2"}).record
    noted = release.step(opened, {"task_definition": f"{FAMILY}:78"}, NOW)
    service.write([release.Write(release.REPLACE, noted)])
    assert noted["intent"]["task_definition"]["family"] == "web", "changed by hand once more, before it was registered"
    for number, record in service.records.items():
        assert records.strangers(record, IDENTITY, number) == []


def test_what_a_way_back_has_registered_is_of_the_family_that_it_goes_back_to() -> None:
    service = Service()
    service.deploy(75, "100")
    gone = release.rolling_back(service.open(changes={"cpu": "1"}).record, NOW)
    back = release.step(gone, {"task_definition": f"{FAMILY}:77"}, NOW)
    service.write(release.closing(service.head, back, "failed_rolled_back", {}, NOW))
    base, last = service.records[2], service.records[3]
    assert states.state_of(release.as_it_runs(base, [last]))["task_definition"] == f"{FAMILY}:77"
    forged = {**last, "steps": {**last["steps"], "rollback_task_definition": f"{FAMILY}-2:77"}}
    assert states.state_of(release.as_it_runs(base, [forged]))["task_definition"] == f"{FAMILY}:75"


def test_a_run_that_died_between_its_last_two_writes_counts() -> None:
    service = Service()
    record = service.open(attributes={GROUP: {"duration": "86400"}}).record
    service.live = live(74, "86400")
    service.write(release.closing(service.head, record, "proven", {}, NOW)[:1])
    assert service.head["open"] == 2
    assert release.settled(service.head, service.records)["current"] == 2
    assert release.opened(service.head, service.records) is None


def test_a_rollback_that_did_not_get_healthy_is_a_failure() -> None:
    service = Service()
    record = release.rolling_back(service.open().record, NOW)
    service.write(release.closing(service.head, record, "failed", {}, NOW))
    assert service.records[2]["state"] == "failed" and service.head["current"] == 1


def test_a_rollback_typed_again_stays_and_says_how_to_go_further_back() -> None:
    service = Service()
    service.deploy(75, "100")
    service.deploy(76, "200")
    assert service.roll_back() == 4
    assert service.records[4]["restores"] == 2 and service.live["task_definition"] == f"{FAMILY}:75"
    for named in (None, 2, 4):
        choice = service.choose(named)
        assert choice.record is not None and (choice.stands, choice.record["seq"]) == (True, 4)
        assert restore.reached(choice.record, service.records) == [4, 2]
        assert "release 4, a rollback to release 2, is live" in choice.reason and "rollback_to=1" in choice.remedy
    further = service.choose(1)
    assert (further.stands, further.record) == (False, service.records[1])
    service.roll_back(1)
    last = service.choose()
    assert (last.stands, last.record, last.remedy) == (True, service.records[5], "Nothing is older.")


def test_from_what_was_found_first_there_is_no_way_back() -> None:
    service = Service()
    service.deploy(75, "100", outcome="failed")
    choice = service.choose()
    assert choice.record is None
    assert choice.reason == "Nothing is older than release 1, which is live." and choice.remedy.startswith("Deploy")


def test_a_rollback_that_is_not_live_any_more_is_gone_back_to() -> None:
    service = Service()
    service.deploy(75, "100")
    service.deploy(76, "200")
    service.roll_back()
    service.live = live(76, "100")
    choice = service.choose()
    assert choice.record is not None and (choice.stands, choice.record["seq"]) == (False, 4)


def test_nothing_on_record_is_refused_with_a_remedy() -> None:
    choice = Service().choose()
    assert choice.record is None and "Deploy once" in choice.remedy


def test_what_failed_is_no_state_to_go_back_to() -> None:
    service = Service()
    service.deploy(75, "100", outcome="failed")
    choice = service.choose(2)
    assert choice.record is None and "ended failed" in choice.reason and choice.remedy.endswith("one of: 1.")
    assert service.choose(9).record is None
    service.live = live(75, "100")
    unnamed = service.choose()
    assert unnamed.record is not None and unnamed.record["seq"] == 1


def test_a_failed_release_that_stays_is_no_hand_edit() -> None:
    service = Service()
    service.deploy(75, "100", outcome="failed")
    service.live = live(75, "100")
    assert service.open(attributes={GROUP: {"duration": "7"}}).baseline is None


def test_a_revision_counts_as_a_dead_release_s_own_when_its_record_names_it() -> None:
    service = Service()
    record = service.open(changes={"cpu": "512"}).record
    service.live = live(75)
    named = release.step(record, {"task_definition": f"{FAMILY}:75"}, NOW)
    service.write([release.Write(release.REPLACE, named)])
    assert service.open(attributes={GROUP: {"duration": "7"}}).baseline is None


def test_a_revision_that_no_record_names_was_deployed_by_somebody_else() -> None:
    service = Service()
    service.deploy(75, "100", outcome="failed")
    service.live = live(80)
    opening = service.open(attributes={GROUP: {"duration": "7"}})
    assert opening.baseline is not None and opening.record["base"] == opening.baseline["seq"]


def test_nobody_has_committed_approved_or_promoted_what_was_found() -> None:
    """A baseline says who wrote it down, where and why; all other grounds are those of the release after it."""
    service = Service()
    audit = {name: f"the {name}" for name in records.CALLER_SAYS}
    made = intent.intent(service.live["task_definition"], {"cpu": "512"}, {}, {}, {}, {})
    request = release.Request(IDENTITY, "deploy", made, audit, "nonce")
    opening = release.opening(service.head, service.records, request, service.live, NOW)
    assert opening.baseline is not None
    found = {name: opening.baseline["audit"][name] for name in records.CALLER_SAYS}
    assert {name: value for name, value in found.items() if value is not None} == {
        "who": "the who",
        "host": "the host",
        "why": "What was live before release 2",
    }
    assert {name: opening.record["audit"][name] for name in audit} == audit
    old = {**opening.baseline, "audit": {**opening.record["audit"], "why": "as it was"}}
    assert records.audit_of(old)["approved_by"] is None and records.audit_of(old)["why"] == "as it was"
    assert records.audit_of(opening.record) == opening.record["audit"]


def test_a_hand_edit_beside_a_dead_release_gets_its_baseline() -> None:
    service = Service()
    service.open(changes={"cpu": "512"})
    service.live = live(74, "999")
    opening = service.open(changes={"cpu": "1024"})
    assert opening.baseline is not None and opening.record["base"] == opening.baseline["seq"]


def test_a_baseline_whose_run_died_is_adopted_while_it_is_true() -> None:
    service = Service()
    request = release.Request(IDENTITY, "deploy", intent.intent(f"{FAMILY}:74", {}, {}, {}, {}, {}), {}, "nonce")
    opening = release.opening(service.head, service.records, request, service.live, NOW)
    service.write(opening.writes[:1])
    again = service.open(changes={"cpu": "512"})
    assert (again.baseline, again.record["base"], again.record["seq"]) == (None, 1, 2)
    service = Service()
    service.write(opening.writes[:1])
    service.live = live(80)
    other = service.open(changes={"cpu": "512"})
    assert other.baseline is not None and other.baseline["seq"] == 2 and other.record["base"] == 2


def test_only_what_was_declared_since_is_restored() -> None:
    service = Service()
    service.live = live(74, "3600", idle="60")
    service.deploy(75, "86400")
    restored = restore.restoration(service.records[1], service.records, service.live)
    assert restored["attributes"] == {GROUP: {"duration": "3600"}}
    assert restored["settings"] == {}


def test_settings_are_restored_in_the_nesting_that_the_deployment_takes() -> None:
    service = Service()
    service.live["settings"] = states.live_settings({"deploymentConfiguration": {"maximumPercent": 150}})
    opening = service.open(settings={"deploymentConfiguration": {"maximumPercent": 200}, "desiredCount": 5})
    assert opening.record["intent"]["count_policy"] == {"mode": "fixed", "count": 5}
    restored = restore.restoration(service.records[1], service.records, service.live)
    assert restored["settings"] == {"deploymentConfiguration": {"maximumPercent": 150}}, "a count is not put back"
    assert restored["force"] is True


@pytest.mark.parametrize(
    ("state", "desired", "count"),
    [
        pytest.param("open", 5, 3, id="an open release is undone whole"),
        pytest.param("open", 8, None, id="moved since by others"),
        pytest.param("closed", 5, None, id="a release that ended"),
    ],
)
def test_a_count_is_put_back_where_the_open_release_alone_has_changed_it(
    state: str, desired: int, count: int | None
) -> None:
    service = Service()
    service.live["desired"] = 3
    record = service.open(settings={"desiredCount": 5}).record
    if state == "closed":
        service.write(release.closing(service.head, record, "proven", {}, NOW))
    restored = restore.restoration(service.records[1], service.records, {**service.live, "desired": desired})
    assert restored["settings"].get("desiredCount") == count
    assert restored["not_restorable"] == ([] if count else ["desiredCount"])


def test_a_group_attached_by_the_release_that_declares_it_is_named_as_not_restorable() -> None:
    service = Service()
    service.open()
    service.open(attributes={OTHER: {"duration": "2"}})
    service.live = {**service.live, "attributes": {**service.live["attributes"], OTHER: {"duration": "2"}}}
    restored = restore.restoration(service.records[1], service.records, service.live)
    assert restored["attributes"] == {} and restored["not_restorable"] == [f"{OTHER} duration"]


def test_null_in_a_setting_is_the_default_of_aws() -> None:
    service = Service()
    service.live = live(grace=60)
    record = service.open(settings={"healthCheckGracePeriodSeconds": None}).record
    assert states.state_of(record)["settings"] == {"healthCheckGracePeriodSeconds": 0}


def test_an_intent_names_everything_and_holds_no_value() -> None:
    secret = "hunter2-canary"
    definition = {
        "cpu": "512",
        "containerDefinitions": [
            {"name": "coral", "command": [secret], "environment": [{"name": "TOKEN", "value": secret}]},
        ],
    }
    changes = {"containers": {"coral": {"environment": {"A": secret, "B": None}, "command": [secret]}}, "memory": "1"}
    for made in (
        intent.intent(f"{FAMILY}:1", changes, {}, {"coral": "coral@sha256:1"}, {}, {GROUP: {"enabled": "true"}}),
        intent.intent(f"{FAMILY}:1", {}, definition, {}, {}, {}),
    ):
        assert secret not in repr(made)
    made = intent.intent(f"{FAMILY}:1", changes, {}, {"coral": "coral@sha256:1"}, {}, {GROUP: {"enabled": "true"}})
    assert made["task_definition"]["changes"] == [
        "containerDefinitions[coral].command",
        "containerDefinitions[coral].environment[A]",
        "containerDefinitions[coral].environment[B]",
        "containerDefinitions[coral].image",
        "memory",
    ]
    assert made["attributes"] == {GROUP: {"enabled": "true"}}


@pytest.mark.parametrize("letters", ["x\n", '"', "\\", "я", "字", "😀", "x😀"])
def test_no_foreign_text_makes_the_closing_write_too_large(letters: str) -> None:
    flood = letters * 100_000
    checks = [{"name": "targets", "ok": False, "expected": 1, "found": flood}] * 1000
    timeline = [{"seconds": 1, "text": flood}] * 1000
    given = {"verdict": "failed", "reason": flood, "rolled_back_by": None, "checks": checks, "timeline": timeline}
    given["images"] = {}
    cause = {"reason": flood, "log_lines": [flood] * 1000, "events": [flood] * 1000}
    service = Service()
    record = service.open().record
    result = intent.result({**given, "cause": cause, "duration_seconds": None}, record, NOW)
    service.write(release.closing(service.head, record, "failed", result, NOW))
    assert len(json.dumps(service.records[2], indent=1, ensure_ascii=False).encode()) < records.SIZE_LIMIT * 5 // 6
