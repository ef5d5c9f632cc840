"""Play the project's own YAML with the project's own modules in this process: roles and playbooks are read, not copied.

The few forms that the YAML uses are followed as Ansible does (blocks with rescue and always, imported roles, included
tasks, loops, registered results, the failed task of a rescue); anything else is :class:`NotModelled`. A test holds the
arguments that come out against Ansible's own templating.
"""

from __future__ import annotations

import functools
import importlib
import pickle
from collections import ChainMap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.amazon.aws.plugins.module_utils.modules import aws_argument_spec
from ansible_collections.steady.ecs.plugins.module_utils.edges import reads
from ansible_collections.steady.ecs.plugins.module_utils.work import Task, perform, plain
from jinja2 import ChainableUndefined, Undefined, UndefinedError, meta
from jinja2.nativetypes import NativeEnvironment

from tests.faults.model.stand_ins import skeleton
from tests.faults.model.wire import Connection, NotModelled, Run

ROOT = Path(__file__).parents[3]
PREFIX = "steady.ecs."
MODULES = "ansible_collections.steady.ecs.plugins.modules"
HOST = "model-service"
Answer = dict[str, Any]
OMIT = type("Omit", (), {"__repr__": lambda _self: "omit"})()

NOT_PLAYED = {
    "ansible.builtin.assert": "it counts hosts, and here is one",
    "ansible.builtin.validate_argument_spec": "it checks types of the inventory, which the tests of the roles do",
}
KEYWORDS = {
    "name",
    "when",
    "register",
    "failed_when",
    "loop",
    "loop_control",
    "vars",
    "block",
    "rescue",
    "always",
    "ignore_errors",
}


class Refused(Exception):
    """What Ansible refuses before a module runs: the task fails, and the YAML is wrong."""


class _Missing(ChainableUndefined):
    """Ansible lets ``a.b | default(x)`` pass for an unknown ``a``; any other use of it is an error."""


_environment = NativeEnvironment(undefined=_Missing)
_environment.filters["dict2items"] = lambda found: [{"key": key, "value": value} for key, value in found.items()]
_environment.filters["bool"] = lambda value: str(value).lower() in ("true", "yes", "on", "1")
_environment.tests.update(
    failed=lambda result: bool(result.get("failed")),
    skipped=lambda result: bool(result.get("skipped")),
    changed=lambda result: bool(result.get("changed")),
    succeeded=lambda result: not result.get("failed"),
)
_environment.tests["success"] = _environment.tests["succeeded"]


@functools.cache
def _compiled(text: str) -> tuple[tuple[str, ...], Callable[..., Any]]:
    """The names that an expression reads, and the expression. ``text`` is without its braces."""
    names = tuple(sorted(meta.find_undeclared_variables(_environment.parse(f"{{{{ {text} }}}}"))))
    return names, _environment.compile_expression(text, undefined_to_none=False)


@functools.cache
def _whole(text: str) -> str | None:
    """The expression when the text is nothing but one; None otherwise."""
    inner = text.strip()
    if inner.startswith("{{") and inner.endswith("}}") and inner.count("{{") == 1:
        return inner[2:-2].strip()
    return None


class Scope(Mapping[str, Any]):
    """Variables by Ansible's precedence, each templated when it is asked for."""

    def __init__(self, *layers: Mapping[str, Any]) -> None:
        """The first layer wins."""
        self.raw: ChainMap[str, Any] = ChainMap(*[dict(each) for each in layers])
        self._known: Answer = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._known:
            self._known[name] = self.templated(self.raw[name])
        return self._known[name]

    def __iter__(self) -> Any:
        return iter(self.raw)

    def __len__(self) -> int:
        return len(self.raw)

    def expression(self, text: str) -> Any:
        """The value of an expression, which may be undefined."""
        names, compute = _compiled(text)
        return compute({"omit": OMIT, **{name: self[name] for name in names if name in self.raw}})

    def templated(self, value: Any) -> Any:
        """A value with every expression in it replaced; what is omitted is gone."""
        if isinstance(value, str):
            return self._text(value) if "{{" in value else value
        if isinstance(value, dict):
            found = {key: self.templated(item) for key, item in value.items()}
            return {key: item for key, item in found.items() if item is not OMIT}
        if isinstance(value, list):
            return [item for item in map(self.templated, value) if item is not OMIT]
        return value

    def _text(self, value: str) -> Any:
        inner = _whole(value)
        if inner is None:
            names = meta.find_undeclared_variables(_environment.parse(value))
            given = {name: self[name] for name in names if name in self.raw}
            return "".join(map(str, _environment.from_string(value).root_render_func(_context(value, given))))
        found = self.expression(inner)
        if isinstance(found, Undefined):
            raise Refused(f"{value} is undefined")
        return found

    def holds(self, conditions: Any) -> bool:
        """Whether all conditions hold."""
        wanted = conditions if isinstance(conditions, list) else [conditions]
        return all(each if isinstance(each, bool) else bool(self.expression(str(each))) for each in wanted)


def _context(value: str, given: Answer) -> Any:
    return _environment.from_string(value).new_context(given)


@functools.cache
def load(path: Path) -> Any:
    """A YAML file of the project."""
    return yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else None


@dataclass
class Asked:
    """One task as it was given to its module: for the comparison with Ansible's own templating."""

    module: str
    raw: Answer
    scope: Scope
    arguments: Answer


@dataclass
class Outcome:
    """How a run ended."""

    word: str | None
    """The outcome; None when the process died before it said one."""
    failed: bool
    detail: str = ""
    killed: bool = False


@dataclass
class Play:
    """One ``ansible-playbook`` process with one playbook and one host."""

    run: Run
    variables: Answer
    facts: Answer = field(default_factory=dict)
    """Registered results."""
    asked: list[Asked] | None = None
    results: list[tuple[str, Answer]] = field(default_factory=list)
    defaults: Answer = field(default_factory=dict)
    module_defaults: Answer = field(default_factory=dict)
    rescuable: int = 0
    """How many blocks with a rescue are in their tasks now."""

    def play(self, playbook: str) -> Outcome:
        """All of it; how it ended. :class:`Killed` passes."""
        failed = False
        for each in load(ROOT / "playbooks" / f"{playbook}.yml"):
            self.module_defaults = each.get("module_defaults", {}).get("group/steady.ecs.aws", {})
            self._expose(each["tasks"])
            failed = not self._tasks(each["tasks"], [], None)
            if failed:
                break
        said = [result for name, result in self.results if name == "outcome"]
        last = said[-1] if said else {}
        return Outcome(last.get("outcome"), failed, str(last.get("line", "")))

    def _expose(self, tasks: list[Answer]) -> None:
        """The defaults of every role that a play imports are known to all of it."""
        for each in tasks:
            for part in ("block", "rescue", "always"):
                self._expose(each.get(part, []))
            if "ansible.builtin.import_role" in each:
                role = each["ansible.builtin.import_role"]["name"].removeprefix(PREFIX)
                self.defaults.update(load(ROOT / "roles" / role / "defaults/main.yml") or {})

    # -- tasks and blocks: False when the host has failed
    def _tasks(self, tasks: list[Answer], layers: list[Answer], role: str | None) -> bool:
        return all(self._entry(each, layers, role) for each in tasks)

    def _entry(self, entry: Answer, layers: list[Answer], role: str | None) -> bool:
        inner = [entry["vars"], *layers] if entry.get("vars") else layers
        if "block" in entry:
            return self._block(entry, inner, role)
        if "ansible.builtin.import_role" in entry:
            given = entry["ansible.builtin.import_role"]
            name = given["name"].removeprefix(PREFIX)
            path = ROOT / "roles" / name / "tasks" / f"{given.get('tasks_from', 'main')}.yml"
            own = load(ROOT / "roles" / name / "vars/main.yml") or {}
            return self._tasks(load(path), [*inner, own], name)
        if "when" in entry and not self.scope(inner).holds(entry["when"]):
            if entry.get("register"):
                self.facts[entry["register"]] = {"changed": False, "skipped": True}
            return True
        file = entry.get("ansible.builtin.include_tasks") or entry.get("ansible.builtin.import_tasks")
        if file:
            return self._tasks(load(ROOT / "roles" / str(role) / "tasks" / file), inner, role)
        return self._task(entry, inner)

    def _block(self, entry: Answer, layers: list[Answer], role: str | None) -> bool:
        if "when" in entry and not self.scope(layers).holds(entry["when"]):
            for name in _registered(entry):
                self.facts[name] = {"changed": False, "skipped": True}
            return True
        self.rescuable += "rescue" in entry
        good = self._tasks(entry["block"], layers, role)
        self.rescuable -= "rescue" in entry
        if not good and "rescue" in entry:
            good = self._tasks(entry["rescue"], layers, role)
        return self._tasks(entry.get("always", []), layers, role) and good

    def scope(self, layers: list[Answer], **more: Any) -> Scope:
        """Everything that is known: a registered result wins over the variables of a role, and so on down."""
        magic = {
            "inventory_hostname": HOST,
            "ansible_check_mode": False,
            "hostvars": {HOST: self.variables},
            "ansible_play_hosts_all": [HOST],
        }
        return Scope(more, self.facts, *layers, magic, self.variables, self.defaults)

    # -- one task
    def _task(self, entry: Answer, layers: list[Answer]) -> bool:
        action = next(name for name in entry if name not in KEYWORDS)
        if action in NOT_PLAYED:
            return True
        if action == "ansible.builtin.set_fact":
            self.facts.update(self.scope(layers).templated(entry[action]))
            return True
        if not action.startswith(PREFIX):
            raise NotModelled(f"the module {action}")
        name = action.removeprefix(PREFIX)
        if "loop" not in entry:
            result = self._module(name, entry[action] or {}, self.scope(layers))
        else:
            items = self.scope(layers).templated(entry["loop"])
            results = [self._module(name, entry[action], self.scope(layers, item=item)) for item in items]
            failed = any(each.get("failed") for each in results)
            result = {"results": results, "changed": any(each["changed"] for each in results), "failed": failed}
            result["msg"] = "One or more items failed" if failed else "All items completed"
            result["skipped"] = not items
        return self._ended(entry, name, result, layers)

    def _ended(self, entry: Answer, name: str, result: Answer, layers: list[Answer]) -> bool:
        if entry.get("register"):
            self.facts[entry["register"]] = result
        if "failed_when" in entry:
            result["failed"] = self.scope(layers).holds(entry["failed_when"])
        self.results.append((name, result))
        if result.get("reason") == "defect":
            self.run.wrong.append(f"a defect in {name}: {result['msg']} {result.get('places')}")
        if not result.get("failed") or entry.get("ignore_errors"):
            return True
        if self.rescuable:
            # As the strategies do: only what fails in the tasks of a block is kept, not what fails in its rescue.
            self.facts["ansible_failed_result"] = result
        return False

    def _module(self, name: str, raw: Answer, scope: Scope) -> Answer:
        module = importlib.import_module(f"{MODULES}.{name}")
        raw = {**self.module_defaults, **raw}
        try:
            arguments = scope.templated(raw)
            params = validated(name, module.SPEC, arguments)
        except (Refused, UndefinedError) as problem:
            self.run.wrong.append(f"the arguments of {name}: {problem}")
            return {"failed": True, "changed": False, "msg": str(problem)}
        if self.asked is not None:
            self.asked.append(Asked(name, raw, scope, arguments))
        task = Task(
            params=params,
            connection=Connection(self.run, params),
            report=self.run.shown.append,
            count=self.run.shown.append,
            warn=self.run.shown.append,
        )
        reads._definitions.clear()  # a task is a process of its own
        self.run.begin_task(task, name)
        answer = perform(task, module.run)
        self.run.shown.append(repr(answer))
        return {"failed": False, "changed": False, **answer}


def _registered(entry: Answer) -> list[str]:
    """Names that the tasks of a block register."""
    found = [entry["register"]] if entry.get("register") else []
    for part in ("block", "rescue", "always"):
        found += [name for each in entry.get(part, []) for name in _registered(each)]
    return found


_filled: dict[Any, bytes] = {}
"""What the validation adds to arguments of a form that it leaves as they are."""


def validated(name: str, spec: Any, arguments: Answer) -> Answer:
    """The arguments as the module sees them: defaults filled in, types settled. Checked once for each form of them."""
    given = plain(arguments)
    chosen = tuple(given[each] for each, option in spec.options.items() if option.get("choices") and each in given)
    form = (name, skeleton(given), chosen)
    if form in _filled:
        return {**pickle.loads(_filled[form]), **given}  # noqa: S301 our own bytes
    checked = ArgumentSpecValidator({**aws_argument_spec(), **spec.options}, **spec.rules).validate(given)
    if checked.error_messages:
        raise Refused(f"{name}: {checked.error_messages}")
    found: Answer = plain(checked.validated_parameters)
    added = {each: value for each, value in found.items() if each not in given}
    if {**added, **given} == found:
        _filled[form] = pickle.dumps(added, pickle.HIGHEST_PROTOCOL)
    return found
