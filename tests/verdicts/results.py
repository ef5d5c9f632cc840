"""What a test saw of a kind, kept for the page: one file a kind and a way to run it."""

from __future__ import annotations

import json
import re
from typing import Any

from tests.testbed.beds import ROOT
from tests.verdicts.stage import Run

FOLDER = ROOT / ".state/verdicts"
IN_PROCESS, MODULES, LOST = "in_process", "modules", "answers_lost"
WAYS = (IN_PROCESS, MODULES, LOST)
NAMES = (
    (r"conf-[0-9a-f]{8}", "web"),
    (r"ecs-svc/\d+", "ecs-svc/ID"),
    (r"127\.\d+\.\d+\.\d+", "10.0.0.1"),
    (r"\b[0-9a-f]{32}\b", "TASK"),
    (r"\b[0-9a-f]{8}\b", "TASK"),
    (r"web/web/[0-9a-f]{16}", "web/web/ID"),
    (r"(secret:web-\w+)-\w{6}", r"\1-SUFFIX"),
    (r"\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d( UTC)?", "TIME"),
    (r" \(\d+ s\)(?=\.?$)", ""),
    (r"all is well since \d+ s", "all is well since N s"),
)
"""What differs from run to run, and what stands on the page in its place."""


def stable(text: str) -> str:
    """A text without what differs from run to run."""
    for pattern, word in NAMES:
        text = re.sub(pattern, word, text)
    return text


def keep(kind: str, way: str, run: Run, **more: Any) -> None:
    """For the page."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    found = {"last": stable(run.last), "verdict": run.verdict, "outcome": run.outcome, "status": run.status, **more}
    (FOLDER / f"{kind}.{way}.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def kept(kind: str, way: str) -> dict[str, Any] | None:
    """What was kept; None when the test did not pass, or did not run."""
    place = FOLDER / f"{kind}.{way}.json"
    return dict(json.loads(place.read_text(encoding="utf-8"))) if place.exists() else None


def forget(kind: str, way: str) -> None:
    """Before a test: what an earlier run saw says nothing."""
    (FOLDER / f"{kind}.{way}.json").unlink(missing_ok=True)
