"""The digest of a plan: the same plan has it again, any other is refused by name, and it tells no value."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.rules import approval
from ansible_collections.steady.ecs.plugins.module_utils.rules.differences import Difference
from ansible_collections.steady.ecs.plugins.module_utils.rules.task_definition_meaning import RESOURCE
from hypothesis import given, settings
from hypothesis import strategies as st

SERVICE = "640080112933/us-east-1/production/web"
BASE = "arn:aws:ecs:us-east-1:640080112933:task-definition/web:74"
TOKEN = "containerDefinitions[coral].environment[TOKEN]"
DURATION = Difference("target group web", "stickiness.lb_cookie.duration_seconds", "86400", "3600")


def secret(new: str = "hunter2", old: str | None = "hunter1") -> Difference:
    return Difference(RESOURCE, TOKEN, new, old)


def plan(*differences: Difference, service: str = SERVICE, base: str = BASE) -> approval.Plan:
    return approval.Plan(service, base, list(differences))


def test_the_same_plan_is_the_approved_one_in_any_order() -> None:
    printed = approval.digest(plan(DURATION, secret()))
    assert approval.refusal(printed, plan(secret(), DURATION), resumes=False) is None
    assert printed != approval.digest(plan(DURATION, secret())), "each plan has a salt of its own"


@pytest.mark.parametrize(
    ("now", "words"),
    [
        (plan(DURATION, secret("hunter3")), f"{TOKEN} of {RESOURCE}"),
        (plan(DURATION, secret(old="other")), f"{TOKEN} of {RESOURCE}"),
        (plan(DURATION, secret(), Difference("service", "desiredCount", 5, 3)), "desiredCount of service"),
        (plan(DURATION), "1 of its 2 differences is not in the plan any more"),
        (plan(DURATION, secret(), base=BASE.replace("74", "75")), "another revision is live by now (web:75)"),
        (plan(DURATION, secret(), service=SERVICE + "2"), "made for another service"),
    ],
)
def test_anything_else_is_refused_by_name_and_without_a_value(now: approval.Plan, words: str) -> None:
    printed = approval.digest(plan(DURATION, secret()))
    found = approval.refusal(printed, now, resumes=False)
    assert found is not None and words in found and "Nothing was changed" in found
    assert "hunter" not in found


def test_a_migration_other_than_the_approved_one_is_refused() -> None:
    printed = approval.digest(plan(DURATION, *approval.others([{"command": ["migrate", "canary"]}], False, True)))
    assert (
        approval.refusal(
            printed, plan(DURATION, *approval.others([{"command": ["migrate", "canary"]}], False, True)), False
        )
        is None
    )
    for other in ([], [{"command": ["drop", "canary"]}], [{"command": ["migrate", "canary"], "container": "web"}]):
        found = approval.refusal(printed, plan(DURATION, *approval.others(other, False, True)), resumes=False)
        assert found is not None and "canary" not in found


def test_a_run_that_resumes_half_of_an_approved_plan_is_known() -> None:
    printed = approval.digest(plan(DURATION, secret()))
    rest = plan(secret(), base=BASE.replace("74", "75"))
    assert approval.refusal(printed, rest, resumes=True) is None
    assert approval.refusal(printed, rest, resumes=False) is not None
    assert approval.refusal(printed, plan(secret("hunter3")), resumes=True) is not None
    assert approval.refusal(printed, plan(secret(), service="other"), resumes=True) is not None


def test_where_nothing_is_left_to_do_nothing_is_refused_but_an_approval_of_another_service() -> None:
    assert approval.refusal(approval.digest(plan(DURATION)), plan(), resumes=False) is None
    found = approval.refusal(approval.digest(plan(DURATION)), plan(service="other"), resumes=False)
    assert found is not None and "it was made for another service. Nothing" in found


def test_new_tasks_by_force_are_an_entry_of_their_own() -> None:
    gate = [{"command": ["migrate"]}]
    assert approval.others(gate, force=False, differs=False) == []
    forced = approval.others(gate, force=True, differs=False)
    assert [each.path for each in forced] == ["rollout_force"], "where no content is rolled out, no gate is run"
    printed = approval.digest(plan(DURATION))
    found = approval.refusal(printed, plan(DURATION, *approval.others([], force=True, differs=True)), resumes=False)
    assert found is not None and "rollout_force of service" in found
    assert approval.refusal(printed, plan(*forced), resumes=False) is not None
    assert approval.refusal(approval.digest(plan(*forced)), plan(*forced), resumes=False) is None


SALT, WHOLE, TAGS = "0" * 16, "0" * 32, "0" * 24


@pytest.mark.parametrize("text", ["", "yes", SALT, f"{SALT}.1.{WHOLE}.{TAGS}", f"{SALT}.999999.{WHOLE}.{TAGS}"])
def test_what_is_no_digest_is_refused_as_such(text: str) -> None:
    found = approval.refusal(text, plan(DURATION), resumes=True)
    assert found is not None and "no digest as a plan prints it" in found


@pytest.mark.parametrize("resumes", [False, True])
def test_a_digest_that_was_cut_off_in_copying_is_none(resumes: bool) -> None:
    approved, other = plan(DURATION, secret()), plan(Difference("service", "desiredCount", 5, 3))
    printed = approval.digest(approved)
    assert approval.refusal(printed, approved, resumes) is None
    for end in range(len(printed)):
        found = approval.refusal(printed[:end], approved, resumes)
        assert found is not None and "no digest as a plan prints it" in found, printed[:end]
        assert approval.refusal(printed[:end], other, resumes) is not None


def test_a_hidden_value_is_not_to_be_tried_out_cheaply(monkeypatch: pytest.MonkeyPatch) -> None:
    rounds: list[int] = []
    real = hashlib.pbkdf2_hmac

    def counted(name: str, text: bytes, salt: bytes, count: int) -> bytes:
        if b"hunter" in text:
            rounds.append(count)
        return real(name, text, salt, 1)

    monkeypatch.setattr(hashlib, "pbkdf2_hmac", counted)
    approval.digest(plan(DURATION, secret()))
    assert rounds == [approval.MOST_ROUNDS]
    rounds.clear()
    many = [Difference(RESOURCE, f"containerDefinitions[a].environment[N{n}]", "hunter2", None) for n in range(100)]
    approval.digest(plan(*many))
    assert set(rounds) == {40_000}, "so many values together take no longer than a few"


VALUES: Any = st.one_of(st.none(), st.integers(), st.text(max_size=5), st.lists(st.integers(), max_size=2))
PLANS = st.lists(
    st.builds(Difference, st.sampled_from(["service", "target group web"]), st.text(max_size=4), VALUES, VALUES),
    min_size=1,
    max_size=4,
)


@settings(max_examples=20)
@given(PLANS, PLANS)
def test_two_plans_have_the_same_digest_only_when_they_are_the_same(
    one: list[Difference], two: list[Difference]
) -> None:
    same = sorted(map(approval._text, one)) == sorted(map(approval._text, two))
    assert (approval.refusal(approval.digest(plan(*one)), plan(*two), resumes=False) is None) is same
