# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files for other programs: a run's outcome, drift.json, a report. None of them is a release record."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.edges import files
from ansible_collections.steady.ecs.plugins.module_utils.edges.store_files import utc_now
from ansible_collections.steady.ecs.plugins.module_utils.rules.drift import merged
from ansible_collections.steady.ecs.plugins.module_utils.rules.outcome import worst
from ansible_collections.steady.ecs.plugins.module_utils.rules.records import Document
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure

RUN = "STEADY_ECS_RUN"
"""Environment variable by which a module is told the run that it is of: the same in all processes of one
ansible-playbook, and in no other one."""
COMMAND = "STEADY_ECS_RESULT_FILE"
"""Environment variable that names a second result file: that of the command ``./steady play``, which makes an exit
status of it, whatever file is declared for other programs."""
LIMIT = 64 * 1024 * 1024
"""Bytes. drift.json of a thousand services has a few megabytes."""


def merge_outcome(path: Path, verb: str, host: str, entry: Document) -> Document:
    """Add one host to the result file of a run and return the file's content; other hosts may do so at the same time.

    ``{"outcome": the worst one, "verb", "hosts": {host: entry}, "run"}``; ``entry`` has ``outcome``, ``detail``,
    ``release``. What another run has left there goes: a host that failed yesterday is not the outcome of today's run.
    """
    run = os.environ.get(RUN)

    def added(found: Document) -> Document:
        hosts = found.get("hosts") if found.get("run") == run else None
        hosts = {**(hosts if isinstance(hosts, dict) else {}), host: entry}
        word = worst([str(each.get("outcome")) for each in hosts.values()])
        return {"outcome": word, "verb": verb, "hosts": hosts, **({"run": run} if run else {})}

    return _merge(path, added)


def note_outcome(path: str | None, verb: str, host: str, entry: Document) -> tuple[Document | None, str]:
    """As :func:`merge_outcome`, for the last word of a run: where the file cannot be written, None and a sentence that
    says so, for what has come of the run is to be told all the same. It is no reason to run anything again.

    ``path``: the declared file; None without one. The one of COMMAND is written besides; where it cannot be, the
    command sees that nothing is in it.
    """
    if os.environ.get(COMMAND):
        with suppress(Failure):
            merge_outcome(Path(os.environ[COMMAND]), verb, host, entry)
    if not path:
        return None, ""
    try:
        return merge_outcome(Path(path), verb, host, entry), ""
    except Failure as failure:
        why = failure.msg.partition(". ")[0]
        return None, f" The result file could not be written: {why}. What was done stands, and is not to be done again."


def merge_drift(path: Path, host: str, entry: Document) -> Document:
    """Add one host to drift.json and return the file's content; other hosts may do so at the same time."""
    return _merge(path, lambda found: merged(found, host, entry, utc_now()))


def write_report(folder: Path, texts: dict[str, str]) -> None:
    """Write the files of a report into a folder, each whole or not at all. Raises Failure."""
    files.make_private(folder)
    for name, text in texts.items():
        with files.told(folder / name, "written"):
            files.put(folder / name, text.encode())


def summary_file(path: Path) -> Document:
    """A JSON object that another program wrote (a traffic generator's summary). Raises Failure."""
    data = files.read(path.expanduser(), LIMIT)
    if data is None:
        raise Failure(f"There is no file {path}. Give the traffic summary's path, or leave it out.", reason="no_file")
    document = _object(data)
    if document is None:
        raise Failure(f"{path} is not a JSON object. Give the traffic summary, or leave it out.", reason="no_summary")
    return document


def _merge(path: Path, added: Callable[[Document], Document]) -> Document:
    """Read, add and write while no other process does. What is no JSON object is begun anew."""
    path = path.expanduser().absolute()
    files.make_private(path.parent)
    with files.locked(path.parent):
        document = added(_object(files.read(path, LIMIT) or b"") or {})
        with files.told(path, "written"):
            files.put(path, json.dumps(document, indent=1).encode() + b"\n")
    return document


def _object(data: bytes) -> Document | None:
    try:
        found: Any = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
