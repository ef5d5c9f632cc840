# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tags of a service among the settings: what differs, what is called, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.rules import calls, service, settings, states, tags
from ansible_collections.steady.ecs.plugins.module_utils.rules.declaration import DeclarationError
from hypothesis import given
from hypothesis import strategies as st

from tests.unit import answers

Answer = dict[str, Any]
KEYS = st.text(min_size=1, max_size=20).filter(lambda key: not key.lower().startswith("aws:"))
VALUES = st.text(max_size=20).filter(lambda value: not value.lower().startswith("aws:"))


def live(**now: str) -> Answer:
    return {**answers.service(answers.deployment(1)), "tags": [{"key": k, "value": v} for k, v in now.items()]}


@given(st.dictionaries(KEYS, VALUES), st.dictionaries(KEYS, st.none() | VALUES))
def test_what_is_called_settles_what_differs_and_nothing_else(now: dict[str, str], declared: Answer) -> None:
    """Any key: with dots, brackets, spaces, line breaks."""
    added, removed = tags.request(service.compare({"tags": declared}, live(**now)))
    then = {**now, **{each["key"]: each["value"] for each in added}}
    then = {key: value for key, value in then.items() if key not in removed}
    wanted = {**now, **declared}
    assert then == {key: value for key, value in wanted.items() if value is not None}
    assert service.compare({"tags": declared}, live(**then)) == []
    assert not {each["key"] for each in added} & set(removed)


@given(st.dictionaries(KEYS, st.none() | VALUES, min_size=1))
def test_a_path_names_one_key_and_leads_back_to_it(declared: Answer) -> None:
    flat = states.flat_settings({"tags": declared})
    assert {settings.tag_key(path): value for path, value in flat.items()} == declared
    assert states.nested_settings(flat) == {"tags": declared}


def test_a_record_has_the_declared_tags_alone_and_knows_which_were_not_there() -> None:
    found = {"settings": states.live_settings(live(team="a", theirs="1")), "running": 3}
    kept = states.as_found(found, {"settings": {"tags": {"team": "b", "more": "x"}}})
    assert kept["settings"]["tags"] == {"team": "a", "more": None}
    assert "tags" not in states.as_found(found, {"settings": {}})["settings"]
    assert kept["settings"]["healthCheckGracePeriodSeconds"] == found["settings"]["healthCheckGracePeriodSeconds"]


def test_the_plan_names_the_calls_and_starts_nothing() -> None:
    differences = service.compare({"tags": {"team": "b", "gone": None}}, live(gone="1"))
    assert calls.lines(differences, live(), 0, None) == [
        "call 1: ecs:TagResource (team)",
        "call 2: ecs:UntagResource (gone)",
    ]
    assert service.request(differences, live()) == {}
    assert not service.deploys(differences, live())


@pytest.mark.parametrize(
    ("declared", "words"),
    [
        ({"aws:cloudformation:stack-name": "a"}, "belong to AWS"),
        ({"AWS:x": None}, "belong to AWS"),
        ({"": "a"}, "1 to 128 characters"),
        ({7: "a"}, "Quote it"),
        ({"a": 7}, "must be text"),
        ({"a": "x" * 257}, "longer than 256"),
        ({"a": "AWS:b"}, "values that begin with aws:"),
        ({str(number): "x" for number in range(51)}, "would have 51 tags"),
        (["a"], "tags"),
        (None, "tags"),
    ],
)
def test_what_aws_would_not_take_is_refused(declared: Any, words: str) -> None:
    with pytest.raises(DeclarationError) as refused:
        service.compare({"tags": declared}, live())
    assert words in refused.value.msg


def test_c62_a_service_with_a_short_arn_takes_no_tags() -> None:
    short = {**live(), "serviceArn": f"{answers.ACCOUNT}service/web"}
    with pytest.raises(DeclarationError, match="old, short form"):
        service.compare({"tags": {"team": "a"}}, short)
    assert service.compare({"healthCheckGracePeriodSeconds": None}, short) is not None
