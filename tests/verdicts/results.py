"""What a test saw, kept for the page: one file a kind and a way to run it."""

from __future__ import annotations

import json
import re
from typing import Any

from tests.testbed.beds import ROOT
from tests.verdicts import parts
from tests.verdicts.stage import Run

FOLDER = ROOT / ".state/verdicts"
NAMES = (
    (r"conf-[0-9a-f]{8}", "web"),
    (r"ecs-svc/\d+", "ecs-svc/ID"),
    (r"127\.\d+\.\d+\.\d+", "10.0.0.1"),
    (r"\b[0-9a-f]{32}\b", "TASK"),
    (r"\b[0-9a-f]{8}\b", "TASK"),
    (r"web/web/[0-9a-f]{16}", "web/web/ID"),
    (r"\bi-[0-9a-f]{17}\b", "i-ID"),
    (r"ecs-pause-[\w-]+", "ecs-pause-ID"),
    (r"(secret:web-\w+)-\w{6}", r"\1-SUFFIX"),
    (r"\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+\+00:00)?( UTC)?", "TIME"),
    (r" \((\d+ h )?(\d+ min )?\d+ s\)(?=\.?$)", ""),
    (r"all is well since \d+ s", "all is well since N s"),
)
"""What differs from run to run, and what stands on the page in its place."""


def stable(text: str) -> str:
    """A text without what differs from run to run."""
    for pattern, word in NAMES:
        text = re.sub(pattern, word, text)
    return text


def keep(name: str, found: dict[str, Any]) -> None:
    """What is true of this code."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / f"{name}.json").write_text(json.dumps({**found, "code": parts.here()}, indent=1) + "\n", encoding="utf-8")


def kept(name: str) -> dict[str, Any] | None:
    """What was kept; None when the test did not pass, did not run, or ran other code."""
    place = FOLDER / f"{name}.json"
    found = dict(json.loads(place.read_text(encoding="utf-8"))) if place.exists() else {}
    return found if found.get("code") == parts.here() else None


def forget(name: str) -> None:
    """Before a test: what an earlier run saw says nothing."""
    (FOLDER / f"{name}.json").unlink(missing_ok=True)


def of(kind: str, way: str) -> str:
    """The name of what one kind is like in one way."""
    return f"{kind}.{way}"


def seen(run: Run, **more: Any) -> dict[str, Any]:
    """What the page says of a run."""
    return {"last": run.last, "verdict": run.verdict, "outcome": run.outcome, "status": run.status, **more}
