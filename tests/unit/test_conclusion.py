"""The outcome of a run, for each way that it can end."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.rules import conclusion
from ansible_collections.steady.ecs.plugins.module_utils.rules.conclusion import (
    CUT_OFF,
    Run,
    closing,
    detail,
    failed_item,
    last_note,
    outcome,
    puts_back_attributes,
    rolls_back,
)

OPENED = {"release": {"seq": 2}}
SUCCEEDED = {"verdict": "succeeded", "deployment_id": "ecs-svc/1"}
HEALTHY = {"ok": True, "summary": "web runs web:75, 3/3 healthy", "checks": [{"name": "tasks", "ok": True}]}
EMPTY: dict[str, Any] = {"differences": []}
UNHEALTHY = {"ok": False, "checks": [{"name": "tasks", "ok": False}]}
BROKEN = {"msg": "container app ended with exit code 3"}
EXPIRED = {"msg": "the AWS credentials have expired.", "reason": "expired_credentials"}
FAILED = {"verdict": "failed", "deployment_id": "ecs-svc/1", "cause": {"container": "app"}}


@pytest.mark.parametrize(
    ("answers", "word", "back"),
    [
        pytest.param({"opened": OPENED, "deployment": SUCCEEDED, "health": HEALTHY}, "proven", False, id="good"),
        pytest.param(
            {"plan": EMPTY, "opened": {"release": None}, "health": HEALTHY}, "unchanged", False, id="empty plan"
        ),
        pytest.param({"health": HEALTHY}, "proven", False, id="verified only"),
        pytest.param({"opened": OPENED, "check_mode": True}, "unchanged", False, id="check mode"),
        pytest.param({"failure": BROKEN}, "error", False, id="refused before the first write"),
        pytest.param({"failure": BROKEN, "health": {"failed": True}}, "error", False, id="nothing answered verify"),
        pytest.param({"failure": {**BROKEN, "reason": "held"}}, "held", False, id="another run writes"),
        pytest.param({"failure": BROKEN, "deployment": FAILED}, "failed", False, id="a write without a release"),
        pytest.param({"failure": BROKEN, "opened": OPENED, "deployment": FAILED}, "failed", True, id="not put back"),
        pytest.param(
            {"failure": BROKEN, "opened": OPENED, "deployment": FAILED, "restored": HEALTHY},
            "failed_rolled_back",
            True,
            id="put back",
        ),
        pytest.param(
            {"failure": BROKEN, "opened": OPENED, "deployment": FAILED, "stay": True}, "failed", False, id="stay"
        ),
        pytest.param(
            {"failure": BROKEN, "opened": OPENED, "deployment": {**FAILED, "verdict": "superseded"}},
            "superseded",
            False,
            id="superseded",
        ),
        pytest.param(
            {"failure": BROKEN, "opened": OPENED, "deployment": {**FAILED, "verdict": "unknown"}},
            "interrupted",
            False,
            id="the deployment goes on",
        ),
        pytest.param(
            {"failure": BROKEN, "opened": OPENED, "deployment": {"verdict": "unknown", "deployment_id": ""}},
            "failed",
            True,
            id="nothing goes on",
        ),
        pytest.param({"failure": BROKEN, "opened": OPENED, "health": {"ok": False}}, "failed", True, id="not healthy"),
        pytest.param(
            {"failure": {**BROKEN, "reason": "unhealthy"}, "opened": {"release": None}, "health": UNHEALTHY},
            "failed",
            False,
            id="empty plan, not healthy",
        ),
        pytest.param(
            {"failure": EXPIRED, "health": {"ok": False, "failed": True}}, "error", False, id="nobody could look"
        ),
        pytest.param(
            {"failure": EXPIRED, "opened": OPENED, "deployment": SUCCEEDED, "health": {"ok": False}},
            "interrupted",
            False,
            id="cut off after the rollout",
        ),
        pytest.param({"failure": EXPIRED, "opened": OPENED}, "interrupted", False, id="cut off before the rollout"),
    ],
)
def test_each_end_has_its_word(answers: dict[str, Any], word: str, back: bool) -> None:
    run = Run(**answers)
    assert (outcome(run), rolls_back(run)) == (word, back)


def test_the_cause_comes_last() -> None:
    run = Run(failure=BROKEN, opened=OPENED, deployment=FAILED, restored=HEALTHY)
    assert detail(run).endswith(BROKEN["msg"])
    assert closing(run)["cause"] == {"container": "app"}
    assert closing(run)["rolled_back_by"] == "us"


@pytest.mark.parametrize(
    ("then", "verdict", "who"),
    [
        pytest.param({"restored": HEALTHY}, "rolled_back", "ecs", id="and we have put back the rest"),
        pytest.param({"stay": True}, "rolled_back", "ecs", id="and we are to stay"),
        pytest.param({"undoing": [{"failed": True}]}, "rolled_back", "ecs", id="and our way back failed"),
        pytest.param({"restored": HEALTHY}, "failed", "us", id="we alone"),
        pytest.param({"stay": True}, "failed", None, id="nobody, for we are to stay"),
        pytest.param({"undoing": [{"failed": True}]}, "failed", None, id="nobody, for our way back failed"),
    ],
)
def test_who_went_back_is_named(then: dict[str, Any], verdict: str, who: str | None) -> None:
    run = Run(failure=BROKEN, opened=OPENED, deployment={**FAILED, "verdict": verdict}, **then)
    assert (closing(run)["verdict"], closing(run)["rolled_back_by"]) == (verdict, who)


def test_an_empty_plan_still_says_what_runs() -> None:
    assert (
        detail(Run(plan=EMPTY, opened={"release": None}, health=HEALTHY))
        == "no difference; web runs web:75, 3/3 healthy"
    )


def test_a_verification_in_check_mode_has_looked_or_says_that_it_has_not() -> None:
    looked = Run(check_mode=True, health=HEALTHY)
    assert (outcome(looked), detail(looked)) == ("proven", HEALTHY["summary"])
    skipped = Run(check_mode=True, health={"skipped": True})
    assert (outcome(skipped), "nothing was looked at" in detail(skipped)) == ("unchanged", True)


def test_check_mode_counts_the_differences() -> None:
    assert detail(Run(check_mode=True, plan={"differences": [{}]})) == "check mode: 1 difference would be settled"
    assert detail(Run(check_mode=True, plan={"differences": []})) == "no difference"
    forced = {"differences": [], "calls": ["call 1: ecs:UpdateService (forceNewDeployment)"]}
    assert detail(Run(check_mode=True, plan=forced)) == "check mode: new tasks would be started"
    assert detail(Run(check_mode=True, deployment={"differences": [{}, {}]})).startswith("check mode: 2 differences")


WRONG_URL = {"name": "endpoint http://web/nope", "found": "404", "ok": False}


@pytest.mark.parametrize(
    ("checks", "word"),
    [
        pytest.param([WRONG_URL], "failed_rolled_back", id="as wrong as before"),
        pytest.param([{**WRONG_URL, "found": "503"}], "failed", id="wrong in another way"),
        pytest.param([WRONG_URL, {"name": "task count", "found": "2 of 3", "ok": False}], "failed", id="tasks too"),
    ],
)
def test_a_url_that_is_wrong_before_and_after_is_no_failure_of_the_way_back(checks: list[Any], word: str) -> None:
    health = {"ok": False, "checks": [WRONG_URL, {"name": "task count", "found": "2 of 3", "ok": False}]}
    back = {"ok": False, "failed": True, "msg": "2 of 3.", "summary": "web runs web:74, 3/3 healthy", "checks": checks}
    run = Run(failure=BROKEN, opened=OPENED, deployment=SUCCEEDED, health=health, restored=back, undoing=[back])
    assert outcome(run) == word
    if word == "failed":
        assert detail(run).startswith("the way back failed: 2 of 3. ")
    else:
        assert "web runs web:74, 3/3 healthy, and endpoint http://web/nope fails there as it did before" in detail(run)
        assert closing(run)["rolled_back_by"] == "us"


PLANNED = {"differences": [{"path": "x"}]}
NOTHING_LEFT = {"release": None, "differences": []}
"""Another run has released it while this one waited for the lease."""


def test_c78_credentials_that_end_in_the_wait_say_nothing_of_the_release(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(opened=OPENED, deployment={**SUCCEEDED, "verdict": "unknown"}, failure=EXPIRED)
    assert (outcome(run), rolls_back(run)) == ("interrupted", False)
    # The Wrong: a call that failed is a release that failed, which is put back.
    monkeypatch.setattr(conclusion, "CUT_OFF", set())
    monkeypatch.setattr(conclusion, "GOES_ON", set())
    assert (outcome(run), rolls_back(run)) == ("failed", True)


def test_a_way_back_that_is_judged_ill_is_gone_on_with_by_name() -> None:
    """The rollback playbook alone would leave what was live before, where that is back and ill."""
    step = {"failed": True, "reason": "unhealthy", "msg": "web runs web:1; 1 check failed."}
    opened = {"release": {"seq": 4, "base": 3}}
    run = Run(opened=opened, deployment=FAILED, failure=BROKEN, undoing=[step])
    assert "the rollback playbook with -e rollback_to=3 begins it again" in detail(run)
    half = Run(opened=opened, deployment=FAILED, failure=BROKEN, undoing=[{**step, "reason": "connection"}])
    assert "same command again" in detail(half) and "rollback_to" not in detail(half)


SICK_BACK = {"failed": True, "reason": "unhealthy", "msg": "web runs web:1; 1 check failed."}


@pytest.mark.parametrize("reason", ["revision_gone", "target_group_deleted", "declaration", "sdk_too_old"])
def test_a_way_back_that_would_never_come_to_its_end_has_failed(reason: str) -> None:
    step = {"failed": True, "reason": reason, "msg": "A deleted task definition cannot be brought back."}
    run = Run(opened=OPENED, deployment=FAILED, failure=BROKEN, undoing=[step])
    assert (outcome(run), last_note(run)) == ("failed", "closed")
    assert ("the nearest release that can run" in detail(run)) == (reason == "revision_gone")
    assert "same command again" not in detail(run)
    refused = Run(opened=OPENED, deployment=FAILED, failure={**BROKEN, "reason": reason}, undoing=[SICK_BACK])
    assert "-e rollback_to=" in detail(refused), "why the release failed says nothing of its way back"


NOT_AS_DECLARED = {"name": "task definition", "expected": "as declared", "found": "FEATURE is off", "ok": False}
ILL = {"failed": True, "reason": "unhealthy", "msg": "web runs web:76; 1 check failed"}


@pytest.mark.parametrize(
    ("plan", "opened", "check", "word"),
    [
        pytest.param(EMPTY, {}, NOT_AS_DECLARED, "superseded", id="nothing differed when it began"),
        pytest.param(EMPTY, {}, {**NOT_AS_DECLARED, "name": "attributes of web"}, "superseded", id="attributes"),
        pytest.param(EMPTY, {}, {**NOT_AS_DECLARED, "name": "task count"}, "failed", id="ill, and as declared"),
        pytest.param({}, {}, NOT_AS_DECLARED, "failed", id="verify, which compares once"),
        pytest.param(PLANNED, OPENED, NOT_AS_DECLARED, "failed", id="its own release"),
        pytest.param(PLANNED, NOTHING_LEFT, NOT_AS_DECLARED, "superseded", id="nothing differed when it had waited"),
    ],
)
def test_a_run_with_nothing_to_release_is_overtaken_not_failed(plan: Any, opened: Any, check: Any, word: str) -> None:
    health = {"ok": False, "checks": [check]}
    run = Run(plan={**plan, "status": "IN_SYNC"} if plan else {}, opened=opened, health=health, failure=ILL)
    assert outcome(run) == word
    assert detail(run).endswith(ILL["msg"])
    assert ("somebody has changed the service since" in detail(run)) == (word == "superseded")


def test_a_rollback_that_is_overtaken_says_what_to_type_as_a_rollback() -> None:
    """What stood was changed between its first look and its verification; typed again it brings that back."""
    opened = {"release": None, "differences": [], "target": {"seq": 7}}
    run = Run(plan=opened, opened=opened, health={"ok": False, "checks": [NOT_AS_DECLARED]}, failure=ILL)
    assert outcome(run) == "superseded"
    assert "Run the same command again to bring release 7 back." in detail(run)


def test_a_way_back_that_fails_says_so_before_the_cause() -> None:
    item = {"failed": True, "msg": "ModifyTargetGroupAttributes was refused."}
    loop = {"failed": True, "msg": "One or more items failed", "results": [{"msg": "fine"}, item]}
    run = Run(failure=BROKEN, opened=OPENED, deployment=FAILED, undoing=[SUCCEEDED, loop, {}])
    assert outcome(run) == "failed"
    assert detail(run).startswith(f"the way back failed: {item['msg']} ")
    assert detail(run).endswith(BROKEN["msg"])


def test_of_a_loop_the_item_that_failed_is_the_cause() -> None:
    item = {"failed": True, "msg": "the migration failed", "cause": {"exit_code": 3}}
    loop = {"failed": True, "msg": "One or more items failed", "results": [{"msg": "fine"}, item, {"failed": True}]}
    assert failed_item(loop) is item
    assert failed_item(BROKEN) is BROKEN
    assert closing(Run(failure=item, opened=OPENED))["cause"] == {"exit_code": 3}


def test_what_could_not_be_put_back_is_named() -> None:
    found = {"target": {"not_restorable": ["desiredCount"]}}
    run = Run(failure=BROKEN, opened=OPENED, deployment=FAILED, restored=HEALTHY, undoing=[found])
    assert "put back, except desiredCount: " in detail(run)


@pytest.mark.parametrize(
    ("stays", "words"),
    [
        (["desiredCount", "arn key"], "restored, except desiredCount, arn key, which stays as it is; all is well"),
        ([], "all is well"),
    ],
)
def test_a_rollback_names_what_it_has_left_in_its_last_word_and_in_its_record(stays: list[str], words: str) -> None:
    opened = {**OPENED, "target": {"not_restorable": stays}}
    run = Run(opened=opened, deployment=SUCCEEDED, health={"ok": True, "summary": "all is well"}, stay=True)
    assert (outcome(run), detail(run), closing(run)["reason"]) == ("proven", words, words)


def test_a_superseded_run_names_what_stays_of_it() -> None:
    plan = {
        "differences": [
            {"resource": "target group tg", "path": "stickiness.enabled"},
            {"resource": "service", "path": "x"},
            {"resource": "service", "path": "taskDefinition"},
            {"resource": "task definition", "path": "cpu"},
        ]
    }
    run = Run(failure=BROKEN, opened=OPENED, plan=plan, deployment={**FAILED, "verdict": "superseded"})
    stays = (
        "What this run set stays, unless they have set it since: stickiness.enabled of target group tg, x of service."
    )
    assert detail(run).startswith(stays)
    fenced = {"failed": True, "reason": "fenced", "msg": "Somebody else has changed web."}
    assert detail(Run(failure=BROKEN, opened=OPENED, plan=plan, deployment=FAILED, undoing=[fenced])).startswith(stays)
    assert detail(run).endswith(BROKEN["msg"])


LOST = {"msg": "This run does not have the lease any more.", "reason": "lease_lost"}
FENCED = {"msg": "Somebody else has changed web.", "reason": "fenced"}
FULL = {"msg": "No space left on device.", "reason": "store_unwritable", "cut_off": True}
SICK = {"msg": "2 of 3.", "reason": "unhealthy"}
GONE_ON = {"msg": "1800 s have passed", "reason": "unknown", "verdict": "unknown", "deployment_id": "ecs-svc/3"}


@pytest.mark.parametrize(
    ("answers", "word", "back", "attributes", "note"),
    [
        pytest.param({"failure": LOST}, "superseded", False, False, None, id="another run has taken over"),
        pytest.param({"failure": FENCED}, "superseded", False, True, "closed", id="somebody else has changed it"),
        pytest.param({"failure": FULL}, "interrupted", False, False, "interrupted", id="the store is out of reach"),
        pytest.param(
            {"failure": {**BROKEN, "reason": "rolling_back"}, "stay": True},
            "failed",
            True,
            False,
            "interrupted",
            id="an earlier run was on its way back",
        ),
        pytest.param(
            {
                "failure": BROKEN,
                "deployment": FAILED,
                "undoing": [{"failed": True, "msg": "Denied.", "reason": "denied"}],
            },
            "failed",
            True,
            False,
            "interrupted",
            id="the way back was refused",
        ),
        pytest.param(
            {"failure": BROKEN, "deployment": FAILED, "undoing": [{**UNHEALTHY, **SICK, "failed": True}]},
            "failed",
            True,
            False,
            "closed",
            id="what was before is not healthy either",
        ),
        *(
            pytest.param(
                {"failure": {"msg": "no call.", "reason": reason}, "deployment": verdict},
                "interrupted",
                False,
                False,
                "interrupted",
                id=f"{reason}, {verdict['verdict']}",
            )
            for reason in sorted(CUT_OFF)
            for verdict in (SUCCEEDED, FAILED)
        ),
        pytest.param(
            {"failure": {"msg": "ServiceUnavailable", "reason": "refused", "code": "ServiceUnavailable"}},
            "interrupted",
            False,
            False,
            "interrupted",
            id="AWS is out of order",
        ),
        pytest.param(
            {"failure": BROKEN, "deployment": FAILED, "undoing": [{**EXPIRED, "failed": True}]},
            "interrupted",
            False,
            False,
            "interrupted",
            id="cut off on the way back",
        ),
        pytest.param(
            {"failure": BROKEN, "deployment": FAILED, "undoing": [{**GONE_ON, "failed": True}]},
            "interrupted",
            False,
            False,
            "interrupted",
            id="the way back goes on",
        ),
        pytest.param(
            {"failure": BROKEN, "deployment": FAILED, "undoing": [{**FENCED, "failed": True}]},
            "superseded",
            False,
            False,
            "closed",
            id="somebody else has changed it on the way back",
        ),
        pytest.param(
            {"failure": BROKEN, "deployment": FAILED, "undoing": [{}, {**LOST, "failed": True}]},
            "superseded",
            False,
            False,
            None,
            id="another run has taken over on the way back",
        ),
    ],
)
def test_who_may_write_decides_what_is_put_back_and_noted(
    answers: dict[str, Any], word: str, back: bool, attributes: bool, note: str | None
) -> None:
    run = Run(opened=OPENED, **answers)
    assert (outcome(run), rolls_back(run), puts_back_attributes(run), last_note(run)) == (word, back, attributes, note)
    assert detail(run).endswith(run.failure["msg"])
    for step in run.undoing:
        assert str(step.get("msg", "")) in detail(run)
    if word == "interrupted":
        assert closing(run)["outcome"] is None
