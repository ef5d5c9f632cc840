# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The outcome of a verb that is one module call: said, returned as ``line``, and entered into the result file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.edges import held, live, result_files, waits
from ansible_collections.steady.ecs.plugins.module_utils.rules import verbs
from ansible_collections.steady.ecs.plugins.module_utils.rules.outcome import last_line, one_line
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure, Task

Answer = dict[str, Any]

OPTIONS: dict[str, Any] = {
    **live.STORE_OPTIONS,
    "host": {"type": "str"},
    "result_file": {"type": "path"},
}
"""The options of every verb that is one module call."""

WRITING_OPTIONS: dict[str, Any] = {
    **OPTIONS,
    **held.OPTIONS,
    "why": {"type": "str", "default": ""},
    "hosts": {"type": "list", "elements": "str", "default": []},
    "many": {"type": "bool", "default": False},
}
"""The options of every such verb that writes."""


def spoken(task: Task, verb: str, act: Callable[[], Answer]) -> Answer:
    """Call ``act`` and say what it has come to; its answer has ``changed``, ``outcome``, ``detail``, ``release``.

    A Failure is passed on with the outcome that conclusion.py chooses for it. In a run over several hosts a verb that
    writes is refused unless it is meant (``many``). Raises Failure ``result_unwritable`` after a verb that is done.
    """
    began = waits.clock.now()
    try:
        refusal = verbs.too_many(verb, task.params.get("hosts", []), task.params.get("many") or task.check_mode)
        if refusal:
            raise Failure(refusal, reason="many")
        answer = act()
    except Failure as failure:
        word = verbs.failed_as(failure.msg, failure.fields)
        said, unwritten = _said(task, verb, word, failure.msg, failure.fields.get("release"), began)
        raise Failure(failure.msg + unwritten, **{**failure.fields, **said}) from None
    said, unwritten = _said(task, verb, answer["outcome"], answer["detail"], answer["release"], began)
    if unwritten:
        raise Failure(said["line"], **{**answer, **said}, reason="result_unwritable")
    task.report(said["line"])
    return {**answer, **said}


def _said(task: Task, verb: str, word: str, detail: str, release: int | None, began: float) -> tuple[Answer, str]:
    """Write the file first: what is shown last is then true for scripts as well. And why there is no file, if so."""
    params, text = task.params, one_line(detail)
    entry = {"outcome": word, "detail": text, "release": release}
    host = params["host"] or params["service"]
    _result, unwritten = result_files.note_outcome(params["result_file"], verb, host, entry)
    return {"outcome": word, "line": last_line(word, text, waits.clock.now() - began) + unwritten}, unwritten
