"""How each module is tried: arguments that change nothing, that change something, and that cannot be served.

``None`` says that a module has no such case, with the reason beside it. The order matters: a report needs a release.
"""

from __future__ import annotations

from typing import Any

from tests.lanes.conftest import CLUSTER, SERVICE

Arguments = dict[str, Any]

ACCOUNT = "000000000000"
STORE = "{{ playbook_dir }}/.state/lane"
WHICH: Arguments = {"cluster": CLUSTER, "service": SERVICE}
RECORD: Arguments = {"store": STORE, "account": ACCOUNT, **WHICH}
STICKY = {"stickiness.lb_cookie.duration_seconds": 86400}
CHANGES = {"containers": {"coral": {"environment": {"CORAL_SESSIONS": None, "ADDED": "a value"}}}}
DIFFERENCE = {
    "resource": "target group pardon-production-coral-tg",
    "path": "stickiness.lb_cookie.duration_seconds",
    "expected": "86400",
    "actual": "3600",
    "type": "NOT_EQUAL",
}
ELSEWHERE = {"service": "nope"}
VERB: Arguments = {**RECORD, "store": f"{STORE}/verbs"}
"""Verbs that take the lease have a store of their own: in the other one a release is open."""

CASES: dict[str, dict[str, Arguments | None]] = {
    "service_info": {
        "ok": {"cluster": CLUSTER, "services": [SERVICE]},
        "changed": None,  # it only reads
        "failure": {"cluster": "nope", "services": [SERVICE]},
    },
    "service_preflight": {
        "ok": {"account": ACCOUNT, **WHICH, "attributes": STICKY},
        "changed": None,  # it only reads
        "failure": {"account": "111122223333", **WHICH},
    },
    "service_drift": {
        "ok": {"account": ACCOUNT, **WHICH, "attributes": STICKY, "changes": CHANGES},
        "changed": None,  # it only reads
        "failure": {"account": ACCOUNT, **WHICH, "attributes": {"stickyness.enabled": True}},
    },
    "service_declaration": {
        "ok": None,  # after `changed` the same call is; the store of the world says so in test_runner
        "changed": {**WHICH, "folder": "{{ playbook_dir }}/written"},
        "failure": {**WHICH, **ELSEWHERE, "folder": "{{ playbook_dir }}/other"},
    },
    "release": {
        "ok": {**RECORD, "state": "closed", "outcome": "proven"},  # nothing was opened
        "changed": {**RECORD, "state": "opened", "attributes": STICKY, "differences": [DIFFERENCE]},
        "failure": {**RECORD, **ELSEWHERE, "state": "opened", "differences": [DIFFERENCE]},
    },
    "release_info": {
        "ok": RECORD,
        "changed": None,  # it only reads
        "failure": {**RECORD, **ELSEWHERE},
    },
    "release_history": {
        "ok": {**RECORD, "release": 2},
        "changed": None,  # it only reads
        "failure": {**RECORD, "release": 99},
    },
    "service_status": {
        "ok": RECORD,
        "changed": None,  # it only reads
        "failure": {**RECORD, **ELSEWHERE},
    },
    "release_unlock": {
        "ok": VERB,
        "changed": None,  # only a dead run's lease is taken away
        "failure": RECORD,  # the release that was opened holds it
    },
    "release_report": {
        "ok": RECORD,  # without a number, which no release has that was not opened, there is nothing to write
        "changed": {**RECORD, "seq": 2},
        "failure": {**RECORD, "seq": 99},
    },
    "release_store": {
        "ok": {"store": STORE, "account": ACCOUNT},  # the release before made it
        "changed": {"store": "s3://lane-releases/steady", "account": ACCOUNT, "create": True},
        "failure": {"store": "s3://no-such-bucket/steady", "account": ACCOUNT},
    },
    "release_task": {
        "ok": None,  # where the revision runs already; see changed
        "changed": {**WHICH, "task_definition": "pardon-simulator:74", "command": ["true"], "wait_delay": 1},
        "failure": {**WHICH, "task_definition": "pardon-simulator:74", "container": "corall"},
    },
    "release_grounds": {
        "ok": {"approved_by": "ada", "promoted_commit": "5d290ed"},
        "changed": None,  # it only reads
        "failure": None,  # what it cannot tell is null
    },
    "release_images": {
        "ok": {"account": ACCOUNT, **WHICH, "images": {"coral": "pardon/coral-server:1.2"}},
        "changed": None,  # it only reads
        "failure": {"account": ACCOUNT, **WHICH, "promotes": "nowhere"},
    },
    "release_outcome": {
        "ok": {"health": {"ok": True, "summary": "web runs web:75"}},
        "changed": None,  # it decides
        "failure": None,  # it decides about any input
    },
    "outcome": {
        "ok": {"outcome": "proven", "verb": "deploy", "host": "web", "commands": ["ansible-playbook verify.yml"]},
        "changed": None,  # its file is an answer to a script, not a change of the world
        "failure": {"outcome": "failed", "verb": "deploy", "host": "web", "detail": "the cause", "fail": True},
    },
    "target_group_attributes": {
        "ok": {**WHICH, "attributes": {"stickiness.enabled": "yes"}},
        "changed": {**WHICH, "attributes": STICKY},
        "failure": {**WHICH, "attributes": {"stickyness.enabled": True}},
    },
    "task_definition": {
        "ok": WHICH,
        "changed": {**WHICH, "changes": CHANGES, "safe_environment": ["CORAL_SESSIONS"]},
        "failure": {**WHICH, "changes": {"containers": {"corall": {"image": "x"}}}},
    },
    "deployment": {
        "ok": WHICH,
        "changed": {**WHICH, "force": True, "wait_delay": 1, "stable_seconds": 0},
        "failure": {**WHICH, "settings": {"desiredCont": 3}},
    },
    "service_health": {
        "ok": {**WHICH, "wait_delay": 1, "wait_timeout": 20},
        "changed": None,  # it only reads
        "failure": {**WHICH, "containers": ["nope"], "wait_delay": 1, "wait_timeout": 1},
    },
    "service_scale": {
        "ok": {**VERB, "count": 3},
        "changed": {**VERB, "count": 2, "wait_delay": 1, "stable_seconds": 0},
        "failure": {**VERB, "count": -1},
    },
    "service_restart": {
        "ok": None,  # each call replaces the tasks
        "changed": {**VERB, "wait_delay": 1, "stable_seconds": 0},
        "failure": {**VERB, **ELSEWHERE},
    },
    "deployment_stop": {
        "ok": VERB,
        "changed": None,  # tests/e2e/test_verbs.py has a deployment under way
        "failure": {**VERB, **ELSEWHERE},
    },
    "deployment_continue": {
        "ok": VERB,
        "changed": None,  # the bed pauses no deployment
        "failure": {**VERB, **ELSEWHERE},
    },
    "task_run": {
        "ok": None,  # each call runs a task
        "changed": {**VERB, "container": "coral", "command": ["true"], "wait_delay": 1},
        "failure": {**VERB, "container": "corall"},
    },
    "task_definition_prune": {
        "ok": None,  # it needs a proven release
        "changed": None,
        "failure": VERB,
    },
}
ASK_ONLY_TO_WRITE = {"release_store", "release", "release_report"}
"""Modules whose `ok` has nothing to do and so asks AWS nothing."""
CALLS_NOTHING = {"release_grounds", "outcome", "release_outcome", "release_history", "release_unlock"}
"""Modules that never ask AWS: credentials cannot expire under them, and no answer of AWS's is late."""


def tasks_of(module: str) -> list[dict[str, Any]]:
    """The tasks that try one module, each registered as MODULE__CASE; all of them may fail."""
    cases = CASES[module]
    ok = cases["ok"] or cases["changed"] or cases["failure"] or {}
    wanted: dict[str, tuple[Arguments | None, Arguments]] = {
        "ok": (cases["ok"], {}),
        "check": (cases["changed"], {"check_mode": True, "diff": True}),
        "changed": (cases["changed"], {"diff": True}),
        "failure": (cases["failure"], {}),
        "bad_argument": ({**ok, "nonsense": 1}, {}),
        "no_log": (_with_secret(module, cases["failure"] or ok), {}),
        "expired": (_expired(module, _asking(module)), {}),
    }
    return [_task(module, case, arguments, more) for case, (arguments, more) in wanted.items() if arguments is not None]


def late_task(module: str) -> dict[str, Any]:
    """The module while AWS takes longer to answer than the task's ``timeout`` allows. A busy machine needs a second to
    begin it, and what is given up while Ansible packs it is not."""
    return _task(module, "timeout", _asking(module), {"timeout": 2})


def _asking(module: str) -> Arguments:
    """Arguments with which the module asks AWS something."""
    cases = CASES[module]
    first, second = ("changed", "ok") if module in ASK_ONLY_TO_WRITE else ("ok", "changed")
    return cases[first] or cases[second] or cases["failure"] or {}


def _task(module: str, case: str, arguments: Arguments, more: Arguments) -> dict[str, Any]:
    return {
        "name": f"{module} {case}",
        f"steady.ecs.{module}": arguments,
        "register": f"{module}__{case}",
        "ignore_errors": True,
        **more,
    }


def _with_secret(module: str, ok: Arguments) -> Arguments:
    """A secret option whose value also stands in what the module would say."""
    from tests.lanes.conftest import CANARY

    if module in CALLS_NOTHING:
        ok = CASES[module]["ok"] or {}
        return {**ok, "secret_key": CANARY, "access_key": "emulator"}
    name, value = {
        "service_info": ("services", [f"x-{CANARY}"]),
        "release_store": ("store", f"s3://x-{CANARY}/steady"),
    }.get(module, ("service", f"x-{CANARY}"))
    return {**ok, name: value, "access_key": "emulator", "secret_key": CANARY}


def _expired(module: str, ok: Arguments) -> Arguments | None:
    return None if module in CALLS_NOTHING else {**ok, "access_key": "EXPIRED1", "secret_key": "emulator-secret"}
