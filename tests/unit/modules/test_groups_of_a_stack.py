# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Two target groups of one stack (case C63): what they share, and what only one of them needs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.edges import waits

from tests.unit.modules.stack_world import resource
from tests.unit.modules.test_through_stacks import ADMIN, BY_PARAMETER, DELAY, DURATION, MADE, WEB, Owned

Answer = dict[str, Any]


@pytest.fixture
def owned(monkeypatch: pytest.MonkeyPatch) -> Iterator[Owned]:
    made = Owned()
    monkeypatch.setattr(waits, "clock", made)
    yield made


def sharing(**admin: Any) -> Answer:
    """Two groups of one stack, tg-admin beside tg-web; its attributes are the parameter's too unless told."""
    return {
        **BY_PARAMETER,
        "Resources": {**BY_PARAMETER["Resources"], "Admin": resource(**(admin or {"Duration": {"Ref": "Seconds"}}))},
    }


def pair_of(owned: Owned, body: Answer) -> None:
    owned.groups = [WEB, ADMIN]
    owned.declare(body, {"CoralGroup": WEB, "Admin": ADMIN})


def durations(owned: Owned) -> tuple[str, str]:
    return owned.attributes[WEB][DURATION], owned.attributes[ADMIN][DURATION]


def test_c63_groups_that_share_a_parameter_go_there_and_back_together(owned: Owned) -> None:
    """The way back names them by their ARN, as the record has them."""
    pair_of(owned, sharing())
    owned.settle({}, attributes_of={"tg-web": {DURATION: 7200}, "tg-admin": {DURATION: 7200}})
    assert (durations(owned), owned.stacks.wrote()) == (("7200", "7200"), MADE)
    back = owned.settle({}, attributes_of={WEB: {DURATION: "3600"}, ADMIN: {DURATION: "3600"}})
    assert (durations(owned), owned.stacks.wrote()) == (("3600", "3600"), MADE * 2), back


def test_c63_a_group_that_is_as_declared_shares_the_parameter_all_the_same(owned: Owned) -> None:
    """Somebody has set it by hand: the update gives it what is declared of it, and that is said."""
    pair_of(owned, sharing(Duration={"Ref": "Seconds"}, Delay="30"))
    owned.attributes[ADMIN].update({DURATION: "7200", DELAY: "5"})
    wanted = {"tg-web": {DURATION: 7200}, "tg-admin": {DURATION: 7200, DELAY: 5}}
    done = owned.settle({}, attributes_of=wanted)
    assert (durations(owned), owned.stacks.wrote(), owned.modified()) == (("7200", "7200"), MADE, []), done
    assert owned.attributes[ADMIN][DELAY] == "5"
    assert done["by_stack"][0].startswith("attributes of tg-web, tg-admin, by change set of stack edge")


@pytest.mark.parametrize(
    ("admin", "words"),
    [({DURATION: 3600}, "would have to be 7200 and 3600 at once"), ({DELAY: 30}, "is also stickiness.lb_cookie")],
)
def test_c63_what_a_group_as_declared_is_not_to_get_is_refused(owned: Owned, admin: Answer, words: str) -> None:
    pair_of(owned, sharing(Duration={"Ref": "Seconds"}, Delay="30"))
    owned.attributes[ADMIN][DELAY] = "30"
    failed = owned.settle({}, attributes_of={"tg-web": {DURATION: 7200}, "tg-admin": admin})
    assert words in failed["msg"]
    assert (durations(owned), owned.stacks.wrote()) == (("3600", "3600"), [])


def test_c63_a_group_as_declared_that_shares_nothing_is_no_concern_of_the_change_set(owned: Owned) -> None:
    """Neither are its rights, its stack, or what somebody has set on it by hand."""
    pair_of(owned, sharing(Delay="30"))
    owned.attributes[ADMIN].update({DELAY: "5", DURATION: "9"})
    done = owned.settle({}, attributes_of={"tg-web": {DURATION: 7200}, "tg-admin": {DELAY: 5}})
    assert (durations(owned), owned.stacks.wrote()) == (("7200", "9"), MADE), done
    assert owned.attributes[ADMIN][DELAY] == "5" and "tg-admin" not in done["by_stack"][0]
    owned.stacks.tags[ADMIN] = {}
    done = owned.settle({}, attributes_of={"tg-web": {DURATION: 60}, "tg-admin": {DELAY: 5}})
    assert durations(owned) == ("60", "9"), done


@pytest.mark.parametrize("settings", [{DELAY: 30}, {DELAY: 30, DURATION: 60}])
def test_c63_what_only_drifted_is_set_beside_the_change_set_of_its_stack(owned: Owned, settings: Answer) -> None:
    """The change set does not touch what the stack has as declared: of another group, or of the same one."""
    pair_of(owned, sharing(Delay="30", Duration="3600"))
    owned.attributes[ADMIN][DELAY] = "7"
    wanted = {"tg-web": {DURATION: 7200}, "tg-admin": settings}
    done = owned.settle({}, attributes_of=wanted)
    assert (done.get("msg"), owned.attributes[WEB][DURATION], owned.attributes[ADMIN][DELAY]) == (None, "7200", "30")
    assert (owned.stacks.wrote(), WEB in str(owned.modified())) == (MADE, False)
    assert not owned.settle({}, attributes_of=wanted)["changed"]
