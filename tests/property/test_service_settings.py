# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Declared settings, held against AWS's model: what preflight lets pass, the SDK sends, and its words are AWS's."""

from __future__ import annotations

import contextlib
from typing import Any

import botocore.session
from ansible_collections.steady.ecs.plugins.module_utils.edges import models
from ansible_collections.steady.ecs.plugins.module_utils.rules import plan, service, settings, wording
from ansible_collections.steady.ecs.plugins.module_utils.rules.declaration import DeclarationError
from botocore.validate import ParamValidator
from hypothesis import HealthCheck, assume, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.unit.test_service import live

Answer = dict[str, Any]
INPUT = botocore.session.get_session().get_service_model("ecs").operation_model("UpdateService").input_shape
DECLARABLE = sorted({path.split(".")[0] for path in settings.SETTINGS} & set(INPUT.members))
TEXT = st.sampled_from(["web", "arn:aws:x:us-east-1:1:y/z", "http", "PAUSE", "5"])
NEWER = {"web", "arn:aws:x:us-east-1:1:y/z", "http", "5", "text", "true"}
ANYTHING = st.sampled_from(
    [None, True, 25, 2.5, "text", "5", "true", [], ["spread"], [None], {}, {"name": "x"}, {1: 2}]
)


def values(shape: Any) -> st.SearchStrategy[Any]:
    """What the model allows, and now and then something else: a value, a name, a word of another spelling."""
    return st.integers(0, 19).flatmap(lambda number: ANYTHING if number == 0 else _right(shape))


def _right(shape: Any) -> st.SearchStrategy[Any]:
    if getattr(shape, "is_document_type", False):
        return st.sampled_from([{"a": [1, None]}, "text"])
    if shape.type_name == "structure":
        needed = {name: values(shape.members[name]) for name in shape.required_members}
        others = {name: values(each) for name, each in shape.members.items() if name not in needed}
        return st.fixed_dictionaries(needed, optional=others).flatmap(_misspelt)
    if shape.type_name == "list":
        return st.lists(values(shape.member), max_size=2)
    if shape.type_name == "map":
        return st.dictionaries(TEXT, values(shape.value), max_size=2)
    if getattr(shape, "enum", None):
        return st.sampled_from([*shape.enum, *shape.enum, shape.enum[0].swapcase()])
    simple: dict[str, st.SearchStrategy[Any]] = {
        "integer": st.sampled_from([1, 8080, "80"]),
        "double": st.sampled_from([5, 12.5, "25"]),
        "boolean": st.sampled_from([True, False, "yes"]),
    }
    return simple.get(shape.type_name, TEXT)


def _misspelt(value: Answer) -> st.SearchStrategy[Answer]:
    """The structure, one time in twenty with a name in small letters, or without one."""
    names = sorted(value)

    def changed(number: int) -> Answer:
        if number > 1 or not names:
            return value
        found = {name: each for name, each in value.items() if name != names[0]}
        return {**found, names[0].lower(): value[names[0]]} if number else found

    return st.integers(0, 19).map(changed)


DECLARED = st.lists(st.sampled_from(DECLARABLE), min_size=1, max_size=2, unique=True).flatmap(
    lambda names: st.fixed_dictionaries({name: values(INPUT.members[name]) for name in names})
)


def words_of(value: Any, shape: Any, path: str = "") -> dict[str, tuple[str, list[str]]]:
    """By path, each word that is sent where AWS's model has an enumeration."""
    if shape.type_name == "structure":
        parts = [(each, shape.members[name], f"{path}.{name}") for name, each in value.items() if name in shape.members]
    elif shape.type_name == "list":
        parts = [(each, shape.member, f"{path}[{number}]") for number, each in enumerate(value)]
    else:
        return {path: (value, shape.enum)} if getattr(shape, "enum", None) else {}
    return {name: found for part in parts for name, found in words_of(*part).items()}


@given(DECLARED)
@example({"volumeConfigurations": [{"name": "v", "managedEBSVolume": {"roleArn": "r", "filesystemType": "true"}}]})
@example({"placementConstraints": [{"type": "text"}]})
@example({"placementConstraints": [{"type": "5"}]})
@hypothesis_settings(max_examples=200, suppress_health_check=list(HealthCheck), deadline=None)
def test_what_passes_is_what_the_sdk_and_aws_take(declared: Answer) -> None:
    now = live()
    given_ = plan.Declared(settings=declared)
    found = wording.problems(given_, plan.Live(service=now, definition={}), models.task_definition())
    assume(not found["settings"])
    sent = service.request(service.compare(declared, now), now)
    report = ParamValidator().validate({"service": "web", **sent}, INPUT)
    assert not report.has_errors(), report.generate_report()
    # A word like none of AWS's, in the case of theirs, may be newer than the SDK, and is taken.
    for word, known in words_of(sent, INPUT).values():
        is_alike = word in NEWER and known[0][0].islower() and word[0].islower()
        assert word in known or is_alike, (word, known)


@given(DECLARED)
@example({"deploymentConfiguration": {"maximumPercent": {"a": 1}}})
@example({"deploymentConfiguration": {"lifecycleHooks": {"a": 1}}})
@hypothesis_settings(max_examples=200, suppress_health_check=list(HealthCheck), deadline=None)
def test_whatever_is_declared_is_a_wrong_declaration_or_none(declared: Answer) -> None:
    """Never an error of ours: a play would end without a word to the person who wrote it."""
    with contextlib.suppress(DeclarationError):
        service.request(service.compare(declared, live()), live())
