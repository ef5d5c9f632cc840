# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The two documents of the release store: their shape, what makes one acceptable, and their states.

``head.json`` is one small object a service (counter, pointer, open release); a record is one object a release. What
is read back is input: it is checked as strictly as an argument. No value of an environment variable, and no digest of
one, ever stands in a record.
"""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

Document = dict[str, Any]

SCHEMA = 1
SIZE_LIMIT = 256 * 1024
"""Bytes. A record has about 3 KB."""
TOOL = "0.1.0"
"""Version of the collection that writes; a test compares it with galaxy.yml."""

BASELINE, DEPLOY, ROLLBACK = "baseline", "deploy", "rollback"
RELEASES = (BASELINE, DEPLOY, ROLLBACK)
OPERATIONS = ("scale", "restart", "stop", "continue", "run_task", "prune", "unlock", "monitoring", "repair")
"""Kinds of records that are no release: what an operator did. Never current, and never a way back."""
KINDS = (*RELEASES, *OPERATIONS)

CALLER_SAYS = (
    *("who", "host", "commit", "ref", "why", "inventory_commit", "inventory_dirty", "approved_by"),
    *("window_override", "promoted_from", "uncovered"),
)
"""What of ``audit`` is known when a release is asked for: who, on what grounds, and from which commits."""
BASELINE_SAYS = ("who", "host", "why")
"""What of that holds for a baseline: nobody has committed, approved or promoted what was found."""

GIVEN_AGAIN = ("commit", "approved_by", "window_override")
"""What of it counts when it is given to a run that goes on with a release; what is declared is the same by then."""

STEPS = (
    *("attributes", "task_definition", "registered", "deployment", "service_deployment"),
    *("rollback_task_definition", "rollback_deployment"),
)
"""What ``steps`` of a record may name; ``rollback_task_definition`` and ``rollback_deployment`` are the revision and
the deployment of the way back. The first may be a new one, with the content of the release gone back to (case C68)."""

PREPARED, APPLYING, VERIFYING, ROLLING_BACK = "prepared", "applying", "verifying", "rolling_back"
SUCCEEDED, FAILED, ROLLED_BACK, ABANDONED = "succeeded", "failed", "rolled_back", "abandoned"
FINAL = {SUCCEEDED, FAILED, ROLLED_BACK, ABANDONED}
TRANSITIONS: dict[str, set[str]] = {
    PREPARED: {APPLYING, FAILED, ABANDONED},
    APPLYING: {APPLYING, VERIFYING, ROLLING_BACK, ROLLED_BACK, FAILED, ABANDONED},
    VERIFYING: {VERIFYING, ROLLING_BACK, SUCCEEDED, ROLLED_BACK, FAILED, ABANDONED},
    ROLLING_BACK: {ROLLING_BACK, ROLLED_BACK, FAILED, ABANDONED},
}
"""From a state to the states that may follow; a final state has no successor. A state may repeat itself, because each
Ansible task adds its step. Straight to rolled_back: ECS's own circuit breaker went back before we did."""

UNTRUSTED = "untrusted_document"
"""The reason of a Failure: what stands in the store is in no form in which it could be used (edges/documents.py)."""

_NAME = re.compile(r"[A-Za-z0-9_-]{1,255}")
_ACCOUNT = re.compile(r"[0-9]{12}")
_REGION = re.compile(r"[a-z]{2,}(-[a-z0-9]+)+")
_ARN = re.compile(r"arn:[a-z-]+:(?:ecs|elasticloadbalancing):([a-z0-9-]+):([0-9]{12}):\S{1,600}")

_KEY = re.compile(r".*/[0-9]{1,18}", re.DOTALL)
"""Of a lease; it ends in the count of its renewals."""

CAUSE_TEXTS = ("task", "container", "image", "meaning", "stop_code", "reason", "target_reason")
CAUSE_LISTS = ("log_lines", "events")


@dataclass(frozen=True)
class Identity:
    """The service that a store folder belongs to."""

    account: str
    region: str
    cluster: str
    service: str

    def problem(self) -> str | None:
        """Why these names must not become a path, or None."""
        for label, pattern, value in (
            ("account", _ACCOUNT, self.account),
            ("region", _REGION, self.region),
            ("cluster", _NAME, self.cluster),
            ("service", _NAME, self.service),
        ):
            if not pattern.fullmatch(value):
                return f"{label} {value!r} is not a name as AWS gives them"
        return None

    def as_dict(self) -> dict[str, str]:
        """As ``target`` of a record."""
        return {"account": self.account, "region": self.region, "cluster": self.cluster, "service": self.service}


def _object(**options: Any) -> Document:
    return {"type": "dict", "required": True, "options": options}


_TEXT: Document = {"type": "str"}
_WHOLE: Document = {"type": "int"}
_NEEDED_TEXT: Document = {"type": "str", "required": True}
_NEEDED_WHOLE: Document = {"type": "int", "required": True}
_FREE: Document = {"type": "dict", "required": True}
_TEXTS: Document = {"type": "list", "elements": "str"}
_WRITTEN: Document = {"epoch": _NEEDED_WHOLE, "nonce": _NEEDED_TEXT, "n": _NEEDED_WHOLE, "write_id": _NEEDED_TEXT}

HEAD: Document = {
    "schema": _NEEDED_WHOLE,
    "seq": _NEEDED_WHOLE,
    "current": _WHOLE,
    "open": _WHOLE,
    "lease": {
        "type": "dict",
        "options": {
            "nonce": _NEEDED_TEXT,
            "key": _NEEDED_TEXT,
            "ttl_s": _NEEDED_WHOLE,
            "who": _TEXT,
            "host": _TEXT,
            "why": _TEXT,
            "since": _TEXT,
        },
    },
    **_WRITTEN,
}

RECORD: Document = {
    "schema": _NEEDED_WHOLE,
    "seq": _NEEDED_WHOLE,
    "kind": {"type": "str", "required": True, "choices": list(KINDS)},
    "state": {"type": "str", "required": True, "choices": [*TRANSITIONS, *sorted(FINAL)]},
    "base": _WHOLE,
    "restores": _WHOLE,
    "target": _object(
        account=_NEEDED_TEXT, region=_NEEDED_TEXT, cluster=_NEEDED_TEXT, service=_NEEDED_TEXT, target_groups=_TEXTS
    ),
    "audit": _object(
        who=_NEEDED_TEXT,
        host=_TEXT,
        tool=_NEEDED_TEXT,
        commit=_TEXT,
        ref=_TEXT,
        why=_TEXT,
        inventory_commit=_TEXT,
        inventory_dirty={"type": "bool"},
        approved_by=_TEXT,
        window_override=_TEXT,
        promoted_from=_TEXT,
        uncovered=_TEXT,
        started=_NEEDED_TEXT,
        finished=_TEXT,
    ),
    "intent": _object(
        task_definition=_object(family=_TEXT, revision=_TEXT, images=_TEXTS, changes=_TEXTS),
        settings=_FREE,
        count_policy=_object(
            mode={"type": "str", "required": True, "choices": ["fixed", "autoscaled", "keep"]}, count=_WHOLE
        ),
        attributes=_FREE,
    ),
    "before": _object(
        task_definition=_NEEDED_TEXT,
        deployment=_TEXT,
        service_deployment=_TEXT,
        settings=_FREE,
        running=_NEEDED_WHOLE,
        desired=_WHOLE,
        attributes=_FREE,
        images={"type": "dict"},
    ),
    "steps": _object(
        attributes=_TEXT,
        task_definition=_TEXT,
        registered={"type": "bool"},
        deployment=_TEXT,
        service_deployment=_TEXT,
        rollback_task_definition=_TEXT,
        rollback_deployment=_TEXT,
    ),
    "verdict": _object(
        result=_TEXT,
        checks={
            "type": "list",
            "elements": "dict",
            "options": {"name": _NEEDED_TEXT, "ok": {"type": "bool"}, "detail": _TEXT},
        },
        reason=_TEXT,
        rolled_back_by=_TEXT,
        outcome=_TEXT,
        images={"type": "dict"},
        cause={"type": "dict"},
        duration_seconds={"type": "float"},
        timeline={
            "type": "list",
            "elements": "dict",
            "options": {"seconds": {"type": "float", "required": True}, "text": _NEEDED_TEXT},
        },
    ),
    "operation": {
        "type": "dict",
        "options": {"verb": _NEEDED_TEXT, "arguments": {"type": "dict"}, "result": {"type": "dict"}},
    },
    "log": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {"t": _NEEDED_TEXT, "state": _NEEDED_TEXT, "who": _TEXT},
    },
    **_WRITTEN,
}


def read_back(document: Any, shape: Document) -> tuple[Document, list[str]]:
    """The document with its types settled, and what is wrong with it (empty when it may be used)."""
    if not isinstance(document, dict):
        return {}, ["it is not a JSON object"]
    if document.get("schema") != SCHEMA:
        return {}, [f"its schema is {document.get('schema')!r}, and this version reads schema {SCHEMA} only"]
    try:
        checked = ArgumentSpecValidator(shape).validate(document)
    except (TypeError, ValueError, ArithmeticError) as wrong:  # text in the place of an object, a number beyond all
        return {}, [f"a value in it is of another type ({wrong})"]
    return checked.validated_parameters, list(checked.error_messages) or _null(document, shape)


def _null(document: Document, shape: Document) -> list[str]:
    """What must have a value and is null: the validator makes the text ``None`` of it."""
    wrong = []
    for name, option in shape.items():
        value = document.get(name)
        if value is None and option.get("required"):
            wrong.append(f"{name} is null")
        elif isinstance(value, dict) and "options" in option:
            wrong += _null(value, option["options"])
    return wrong


def strangers(record: Document, identity: Identity, seq: int) -> list[str]:
    """What in a well-formed record does not belong to this service: another identity, foreign ARNs, odd attributes.

    A release stands for a revision of the family that it declares; what it found may be another's, which somebody has
    put there by hand, and so may what it went back to (:func:`release.as_it_runs`).
    """
    wrong = []
    if record["seq"] != seq:
        wrong.append(f"it says seq {record['seq']}")
    if {name: record["target"][name] for name in identity.as_dict()} != identity.as_dict():
        wrong.append("it belongs to another service")
    for name in ("base", "restores"):
        if record[name] is not None and not 0 < record[name] < seq:
            wrong.append(f"its {name} {record[name]} is no earlier release")
    before, intent, steps = record["before"], record["intent"], record["steps"]
    named, noted = intent["task_definition"]["revision"], steps["task_definition"]
    revisions = [before["task_definition"], named, noted, steps.get("rollback_task_definition")]
    groups = [*(record["target"]["target_groups"] or []), *before["attributes"], *intent["attributes"]]
    for arn in filter(None, [*revisions, *groups]):
        found = _ARN.fullmatch(arn)
        if not found or found.groups() != (identity.region, identity.account):
            wrong.append(f"{arn!r} is no ARN of this account and Region")
    family = intent["task_definition"]["family"] or family_of(before["task_definition"])
    for arn in [each for each in (named, noted) if each] or [before["task_definition"]]:
        if family_of(arn) != family:
            wrong.append(f"{arn!r} is no revision of {family!r}")
    for values in (*before["attributes"].values(), *intent["attributes"].values()):
        if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
            wrong.append("target-group attributes are not text")
    return wrong + _misfits(record)


def _misfits(record: Document) -> list[str]:
    """What the shape of a record leaves open, and everybody relies on who reads one."""
    wrong = [] if record["log"] else ["its log is empty"]
    operation = record.get("operation") or {}
    if record["kind"] in OPERATIONS and operation.get("arguments") is None:
        wrong.append("it does not say what its verb was told")
    result = operation.get("result") or {}
    wrong += [f"its result's {name} is no text" for name in ("task", "verdict") if not _is_text(result.get(name))]
    audit = record["audit"]
    times = [audit["started"], audit.get("finished"), *(each["t"] for each in record["log"])]
    wrong += [f"{each!r} is no time with its zone" for each in times if each is not None and not _is_time(each)]
    return wrong + [each for cause in (record["verdict"]["cause"], result.get("cause")) for each in _no_cause(cause)]


def _no_cause(cause: Any) -> list[str]:
    """Why this is no cause, be it that of a release or of an operation."""
    if cause is None:
        return []
    if not isinstance(cause, dict):
        return ["its cause is no object"]
    wrong = [f"its cause's {name} is no text" for name in CAUSE_TEXTS if not _is_text(cause.get(name))]
    for name in CAUSE_LISTS:
        lines = cause.get(name, [])
        if not isinstance(lines, list) or not all(isinstance(each, str) for each in lines):
            wrong.append(f"its cause's {name} are no lines of text")
    return wrong


def seconds_between(began: str, ended: str) -> float:
    """Of two times as records have them, which is made sure of when one is read."""
    return (datetime.datetime.fromisoformat(ended) - datetime.datetime.fromisoformat(began)).total_seconds()


def _is_time(text: str) -> bool:
    """Whether it can be reckoned with: between two times, of which one has a zone, there are no seconds."""
    try:
        return datetime.datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def _is_text(value: Any) -> bool:
    return value is None or isinstance(value, str)


def misnumbered(head: Document) -> list[str]:
    """What in a well-formed head can be no run's: numbers of releases that it has not counted, or a lease that nobody
    could renew (empty when it may be used)."""
    seq, key = head["seq"], (head["lease"] or {}).get("key")
    wrong = [] if seq >= 0 else [f"it says seq {seq}"]
    for name in ("current", "open"):
        if head[name] is not None and not 0 < head[name] <= seq:
            wrong.append(f"its {name} {head[name]} is none of {seq} releases")
    if key is not None and not _KEY.fullmatch(key):
        wrong.append(f"the key {key!r} of its lease has no count")
    return wrong


def family_of(revision: str) -> str:
    """The family of a revision, which is named by its ARN."""
    return revision.rsplit("/", 1)[-1].rsplit(":", 1)[0]


def new_head() -> Document:
    """What a service has that nobody has released yet."""
    return {
        "schema": SCHEMA,
        "seq": 0,
        "current": None,
        "open": None,
        "lease": None,
        "epoch": 0,
        "nonce": "",
        "n": 0,
        "write_id": "",
    }


def written(document: Document, nonce: str = "", **fields: Any) -> Document:
    """A copy with these fields, marked as one more write: ``write_id`` tells a later reader whose write it was."""
    nonce = nonce or document["nonce"]
    n = document["n"] + 1
    return {**document, **fields, "nonce": nonce, "n": n, "write_id": f"{nonce}.{n}"}


def moved(record: Document, state: str, now: str, **fields: Any) -> Document:
    """The record in its next state, with the move in its log. Raises ValueError for a move that does not exist."""
    if state not in TRANSITIONS.get(record["state"], set()):
        raise ValueError(f"release {record['seq']} is {record['state']}: it cannot become {state}")
    log = [*record["log"], {"t": now, "state": state}]
    return written(record, state=state, log=log, **fields)


def audit_of(record: Document) -> Document:
    """Who, when and on what grounds, as it may be shown. Older versions gave a baseline the grounds of the release that
    came after it: those are nobody's."""
    audit: Document = record["audit"]
    if record["kind"] != BASELINE:
        return audit
    return {**audit, **{name: None for name in CALLER_SAYS if name not in BASELINE_SAYS}}


def proven(record: Document) -> bool:
    """Whether somebody verified it: a baseline only says what was found, an operation is no release."""
    return bool(record["state"] == SUCCEEDED and record["kind"] in (DEPLOY, ROLLBACK))
