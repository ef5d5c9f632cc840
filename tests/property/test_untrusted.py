# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Texts of AWS, of applications and of records, through every exit: no terminal and no CI system obeys them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.rules import (
    causes,
    checks,
    outcome,
    redact,
    refusals,
    report_markdown,
)
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure, Task, perform
from ansible_collections.steady.ecs.plugins.plugin_utils import controller
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

PIECES = [
    *("::error file=a::forged", "::set-output name=a::b", "::stop-commands::x", "##[error]x", "##vso[task.complete]x"),
    *("\x1b[2J", "\x1b]0;title\x07", "\x1b]8;;http://evil\x1b\\", "\x9b31m", "\x1b", "\r", "\n", "\t", "\x0b", "\x0c"),
    *("\x85", "\u2028", "\u2029", "\u202e", "\u200b", "\ufeff", "\ud800", "\x00", "\x7f", "\x08"),
    *("{{ 7 * 7 }}", "{% for a in b %}", "<script>", "](http://evil)", "| a |", "`x`", "=1+1", "plain", " ", ":", "#"),
]
nasty = st.lists(st.sampled_from(PIECES) | st.text(max_size=5), max_size=8).map("".join)


def held(text: str) -> None:
    """Fails when a terminal or a CI system would obey something in a text."""
    for line in re.split(r"[\n\x0b\x0c\r\x85\u2028\u2029]", text):
        assert not re.match(r"\s*::", line), text
        assert not re.search(r"##(vso)?\[", line), text
    wrong = [each for each in text if each not in "\n\t" and unicodedata.category(each) in ("Cc", "Cf", "Cs")]
    assert not wrong, (text, wrong)


def leaves(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, each in value.items():
            yield name
            yield from leaves(each)
    elif isinstance(value, list):
        for each in value:
            yield from leaves(each)


@given(nasty)
@example(":\x1b[0m:error::x")
@example("#\u200b#[error]")
@example("\n\x00::x")
def test_a_clean_text_commands_nobody_and_is_clean_for_good(text: str) -> None:
    clean = redact.text(text)
    held(clean)
    assert redact.text(clean) == clean


@given(nasty)
def test_a_line_stays_one_line(text: str) -> None:
    for line in (outcome.one_line(text), causes.readable(text), report_markdown.escaped(text)):
        held(line.replace("@\u200b", "@"))  # a report breaks mentions of people by that character
        assert len(line.splitlines()) <= 1


@given(nasty, nasty, st.booleans())
def test_a_result_is_clean_whether_it_failed_or_not(text: str, name: str, fails: bool) -> None:
    fields = {"events": [text, {name: [text]}], "deep": {name: {"msg": text}}}

    def run(_task: Task) -> dict[str, Any]:
        if fails:
            raise Failure(text, **fields)
        return {"line": text, **fields}

    for each in leaves(perform(Task(params={}, connection=None), run)):
        held(each)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(nasty)
def test_a_line_on_the_screen_commands_nobody(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    shown: list[str] = []
    monkeypatch.setattr(controller.display, "display", lambda line, **_how: shown.append(line))
    lines = controller.Lines("web", silent=False, hidden=set())
    lines.report(text)
    for each in shown:
        held(each)
        assert all(line.startswith("web: ") for line in each.split("\n") if line)


@given(st.sampled_from(["ClientException", "AccessDeniedException", "ThrottlingException"]), nasty)
def test_a_refusal_of_aws_commands_nobody(code: str, text: str) -> None:
    held(refusals.refusal("Reading web (ecs:DescribeServices)", code, text).msg)


@given(nasty, nasty)
def test_a_cause_and_a_check_command_nobody(text: str, other: str) -> None:
    task = {
        "taskArn": "arn:aws:ecs:us-east-1:1:task/c/1",
        "stopCode": "EssentialContainerExited",
        "stoppedReason": text,
        "containers": [{"name": "app", "exitCode": 1, "reason": other}],
    }
    found = causes.cause(task, causes.masked([text], {"x"}), [], [f"unable to {other}"])
    for each in leaves(found):
        held(each)
    held(causes.as_text(found))
    held(checks.table([checks.check("endpoint", text, other, False, text)]))
