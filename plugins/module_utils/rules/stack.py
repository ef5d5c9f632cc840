# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Attributes of target groups that a CloudFormation stack owns: what to change of the stack, and what its change set
may do (case C63).

Sources: CloudFormation API reference (CreateChangeSet, ResourceChange, Stack), and its user guide, "Update
CloudFormation stacks using change sets" and "Parameters".
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules import template, template_text
from ansible_collections.steady.ecs.plugins.module_utils.rules.outcome import one_line

Answer = dict[str, Any]

UPDATED = "UPDATE_COMPLETE"
WENT_BACK = "UPDATE_ROLLBACK_COMPLETE"
UPDATABLE = {
    *("CREATE_COMPLETE", UPDATED, WENT_BACK),
    *("IMPORT_COMPLETE", "IMPORT_ROLLBACK_COMPLETE"),
}
"""User guide, "Understand CloudFormation stack creation events" and "Stack status codes"."""
UNDER_WAY = "_IN_PROGRESS"
BEING_MADE = ("CREATE_PENDING", "CREATE_IN_PROGRESS")
LARGEST = 51_200
"""Bytes of a template in a call (API reference, CreateChangeSet: TemplateBody); a larger one has to be in S3."""
HIDDEN = "****"
"""How DescribeStacks answers a parameter that is declared NoEcho."""
PLAIN = {"String", "Number"}
"""Types of parameters whose value is what a property gets; others name where the value is kept."""
NOTHING = ("didn't contain changes", "No updates are to be performed")
"""How AWS says that a change set would change nothing; it is then FAILED (user guide, "Create change sets")."""


@dataclass(frozen=True)
class Stack:
    """A stack as AWS answers it."""

    name: str
    status: str
    body: Any
    """Its template as it was given: text, or a mapping where that was JSON (the SDK reads it)."""
    parameters: dict[str, str] = field(default_factory=dict)
    capabilities: list[str] = field(default_factory=list)
    change_set: str = ""
    """ARN of the change set that was executed last; empty when it was updated in another way."""
    parent: str | None = None
    """ARN of the stack that it is nested in."""

    @property
    def ready(self) -> bool:
        """Whether it may be updated as it is."""
        return self.status in UPDATABLE

    @property
    def content(self) -> Answer:
        """The template. Raises ValueError."""
        found = self.body if isinstance(self.body, Mapping) else template.loaded(str(self.body))
        if not isinstance(found, Mapping):
            raise ValueError("it is no mapping")
        return dict(found)

    @property
    def known(self) -> dict[str, str]:
        """The parameters that are told, and are themselves what a property gets. Raises ValueError."""
        plain = {name for name, each in _declared(self.content).items() if each.get("Type") in PLAIN}
        return {name: value for name, value in self.parameters.items() if value != HIDDEN and name in plain}


@dataclass(frozen=True)
class Part:
    """One target group of a stack."""

    group: Answer
    """As DescribeTargetGroups answers it."""
    wanted: dict[str, str]
    """All attributes that are declared of it, as AWS keeps them."""
    live: dict[str, str]
    logical_id: str = ""

    @property
    def arn(self) -> str:
        """Of the target group."""
        return str(self.group["TargetGroupArn"])

    @property
    def name(self) -> str:
        """Of the target group."""
        return str(self.group["TargetGroupName"])

    @property
    def open(self) -> bool:
        """Whether anything of it is not live."""
        return any(self.live.get(key) != value for key, value in self.wanted.items())


@dataclass
class Edit:
    """What is to be changed of a stack; nothing where it has what is wanted already."""

    parameters: dict[str, tuple[str, str]] = field(default_factory=dict)
    """By name, from and to."""
    entries: list[template_text.Entry] = field(default_factory=list)
    """Entries of TargetGroupAttributes in the template itself."""
    body: str | None = None
    """The whole template, where entries change."""
    parts: list[Part] = field(default_factory=list)
    """The groups that it sets: those that have not what is wanted, and those that share a parameter with them."""
    problem: str = ""
    """Why a change set cannot do it."""

    @property
    def changes(self) -> bool:
        """Whether there is anything to change."""
        return bool(self.parameters or self.entries)

    def words(self, stack: Stack) -> str:
        """The change in words."""
        said = [f"parameter {name} from {before} to {after}" for name, (before, after) in self.parameters.items()]
        said += [f"{each.key} of {each.logical_id} from {_shown(each.before)} to {each.value}" for each in self.entries]
        return one_line(f"by change set of stack {stack.name}: {', '.join(said)}")


def deployed(stack: Stack, part: Part) -> Answer:
    """The attributes that the stack gives a group: its template with parameters put in."""
    try:
        properties = _properties(stack.content, part.logical_id) or {}
        return template.attributes(properties, part.group, part.live, stack.known)
    except ValueError:
        return {}


def hindrance(stack: Stack, service: str) -> str:
    """Why the stack takes no change set now, in words; empty when it does, or when one of ours is being executed."""
    if stack.parent:
        return f"stack {stack.name} is nested in {stack.parent}, which would undo a change of its own"
    if stack.ready or (stack.status.endswith(UNDER_WAY) and is_ours(stack.change_set, service)):
        return ""
    if stack.status.endswith(UNDER_WAY):
        return f"stack {stack.name} is {stack.status}: somebody is updating it"
    return f"stack {stack.name} is {stack.status}, and takes no update"


def edit(stack: Stack, parts: list[Part]) -> Edit:
    """What of the stack gives its groups what is wanted: parameters where values are such, else its entries.

    ``parts``: all of its groups that are declared. One that is as declared asks for nothing, until the update sets it
    too: then that must give it all that is declared of it.
    """
    found = Edit()
    try:
        content = template_text.unshared(stack.content)
        waiting = list(parts)
        while due := [each for each in waiting if each.open or _is_set_too(found, content, each)]:
            found.parts += due
            waiting = [each for each in waiting if each not in due]
            for part in due:
                _add(found, stack, content, part)
        if found.entries:
            found.body = _body(stack, found.entries)
            content = template_text.unshared(template_text.with_entries(content, found.entries))
        _only_what_is_wanted(found, stack, content)
    except ValueError as problem:
        found.problem = one_line(str(problem))
    return found


def _add(found: Edit, stack: Stack, content: Answer, part: Part) -> None:
    properties = _properties(content, part.logical_id)
    if properties is None:
        raise ValueError(f"the template of stack {stack.name} has no target group {part.logical_id or part.name}")
    listed = properties.get(template.ATTRIBUTES, [])
    if not isinstance(listed, list) or not all(isinstance(each, dict) and "Key" in each for each in listed):
        raise ValueError(f"{template.ATTRIBUTES} of {part.logical_id} is {template.expression(listed)}")
    now = template.attributes(properties, part.group, part.live, stack.known)
    for key, value in part.wanted.items():
        entries = [each.get("Value") for each in listed if each["Key"] == key]
        if len(entries) > 1:
            raise ValueError(f"{key} of {part.logical_id} is there twice")
        if not entries and part.live.get(key) == value:
            continue  # nobody's update touches it
        parameter = _parameter(content, entries[0]) if entries else None
        if parameter is not None:
            _set(found, stack, content, parameter, (now.get(key), value))
        elif entries and isinstance(entries[0], (dict, list)):
            if part.live.get(key) != value:
                raise ValueError(f"{key} of {part.logical_id} is {template.expression(entries[0])}")
        elif now.get(key) != value:
            found.entries.append(template_text.Entry(part.logical_id, key, value, now.get(key)))


def _parameter(content: Answer, value: Any) -> str | None:
    """The parameter of the template that a value is; None for any other value."""
    name = value.get("Ref") if isinstance(value, dict) and set(value) == {"Ref"} else None
    return name if name in _declared(content) else None


def _declared(content: Answer) -> Answer:
    found = content.get("Parameters")
    return found if isinstance(found, dict) else {}


def _set(found: Edit, stack: Stack, content: Answer, name: str, change: tuple[Any, str]) -> None:
    declaration, (before, value) = content["Parameters"][name], change
    if before == value and name not in found.parameters:
        found.parameters[name] = (value, value)  # remembered, for another attribute may want it otherwise
        return
    if declaration.get("Type") not in PLAIN:
        raise ValueError(f"parameter {name} is of the type {declaration.get('Type')}")
    if found.parameters.get(name, (None, value))[1] != value:
        raise ValueError(f"parameter {name} would have to be {found.parameters[name][1]} and {value} at once")
    allowed = [
        str(each).lower() if isinstance(each, bool) else str(each) for each in declaration.get("AllowedValues") or []
    ]
    if allowed and value not in allowed:
        raise ValueError(f"parameter {name} may only be {', '.join(allowed)}")
    found.parameters[name] = (stack.parameters.get(name, "its default"), value)


def _is_set_too(found: Edit, content: Answer, part: Part) -> bool:
    """Whether another value of a parameter is another value of an attribute of the group."""
    changed = {name for name, (before, value) in found.parameters.items() if before != value}
    return any(_parameter(content, value) in changed for _key, value in _entries(content, part.logical_id))


def _entries(content: Answer, logical_id: str) -> list[tuple[Any, Any]]:
    """Key and value of each attribute that the template gives a group."""
    listed = (_properties(content, logical_id) or {}).get(template.ATTRIBUTES)
    entries = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    return [(each.get("Key"), each.get("Value")) for each in entries]


def _only_what_is_wanted(found: Edit, stack: Stack, content: Answer) -> None:
    """Raise ValueError when the update would set an attribute that nobody declares. What of other resources is made of
    the same parameter, AWS says in the change set."""
    found.parameters = {name: each for name, each in found.parameters.items() if each[0] != each[1]}
    values = {name: each[1] for name, each in found.parameters.items()}
    wanted = {each.logical_id: each.wanted for each in found.parts}
    for logical_id in content.get("Resources") or {}:
        for key, value in _entries(content, logical_id):
            name = _parameter(content, value)
            if name in values and key not in wanted.get(logical_id, {}):
                raise ValueError(f"parameter {name} is also {key} of {logical_id}, which is not declared")
    for part in found.parts if found.changes else []:
        _only_what_is_declared(part, content, {**stack.known, **values}, list(values))


def _only_what_is_declared(part: Part, content: Answer, values: dict[str, str], changed: list[str]) -> None:
    """The same for one group. ``values``: of the parameters after the update, some of which it ``changed``."""
    properties = _properties(content, part.logical_id) or {}
    for key, value in template.attributes(properties, part.group, part.live, values).items():
        if not isinstance(value, str):
            for name in (name for name in changed if name in json.dumps(value)):
                raise ValueError(f"parameter {name} is also in {key} of {part.logical_id}, which is an expression")
        elif key not in part.wanted and part.live.get(key, value) != value:
            raise ValueError(
                f"the update would also set {key} of {part.name} from {part.live[key]} to {value}, as the stack has "
                "it, which is not declared"
            )


def _properties(content: Answer, logical_id: str) -> Answer | None:
    resources = content.get("Resources")
    found = resources.get(logical_id) if isinstance(resources, dict) else None
    if not isinstance(found, dict) or found.get("Type") != template.TYPE:
        return None
    properties = found.get("Properties")
    return properties if isinstance(properties, dict) else {}


def _body(stack: Stack, entries: list[template_text.Entry]) -> str:
    """The template with other entries, in the form that it has. Raises ValueError."""
    if isinstance(stack.body, Mapping):
        body = json.dumps(template_text.with_entries(template_text.unshared(stack.body), entries), indent=1)
    else:
        body = template_text.edited(str(stack.body), entries)
    if len(body.encode()) > LARGEST:
        raise ValueError(f"the template of stack {stack.name} is too large for a call ({LARGEST} bytes)")
    return body


# -- the change set


def name(place: str, service: str, seq: int | None, parts: Iterable[Part]) -> str:
    """The name of the change set that a release makes, the same for the same change of the same release, so that a run
    that goes on finds it. ``place``: cluster and service, as nobody else has them."""
    wanted = json.dumps(sorted((each.arn, sorted(each.wanted.items())) for each in parts))
    return f"{_begins(service)}{_digest(place, 6)}-{seq or 0}-{_digest(wanted, 10)}"


def is_ours(arn: str, service: str) -> bool:
    """Whether a change set is one that we made for this service."""
    ours = re.escape(_begins(service)) + r"[0-9a-f]{6}-\d+-[0-9a-f]{10}(-\d+)?"
    return re.fullmatch(ours, arn.partition(":changeSet/")[2].partition("/")[0]) is not None


def _begins(service: str) -> str:
    return f"steady-{re.sub('[^A-Za-z0-9-]', '-', service)[:80]}-"


def _digest(text: str, length: int) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def request(stack: Stack, edit: Edit, change_set: str, why: str) -> Answer:
    """The arguments of CreateChangeSet. A parameter that is not named would go back to its default."""
    values = {key: each[1] for key, each in edit.parameters.items()}
    return {
        "StackName": stack.name,
        "ChangeSetName": change_set,
        "ChangeSetType": "UPDATE",
        "Description": why,
        "Capabilities": stack.capabilities,
        "Parameters": [
            {"ParameterKey": key, **({"ParameterValue": values[key]} if key in values else {"UsePreviousValue": True})}
            for key in stack.parameters
        ],
        **({"UsePreviousTemplate": True} if edit.body is None else {"TemplateBody": edit.body}),
    }


def beyond(changes: list[Answer], logical_ids: Iterable[str]) -> list[str]:
    """What a change set would do besides setting attributes of these groups where they stand, in words."""
    allowed, found = set(logical_ids), []
    for each in changes:
        change = each.get("ResourceChange") or {}
        targets = [detail.get("Target") or {} for detail in change.get("Details") or []]
        names = sorted({str(target.get("Name") or target.get("Attribute")) for target in targets})
        in_place = change.get("Replacement") == "False" and change.get("Action") == "Modify"
        if change.get("LogicalResourceId") in allowed and in_place and names == [template.ATTRIBUTES]:
            continue
        words = [str(change.get("Action") or each.get("Type"))]
        words += [f"replacement {change['Replacement']}"] if change.get("Replacement") not in (None, "False") else []
        words += names
        found.append(one_line(f"{change.get('LogicalResourceId')} ({change.get('ResourceType')}: {', '.join(words)})"))
    return found


def changes_nothing(reason: str) -> bool:
    """Whether a change set has failed because the stack has all of it already."""
    return any(each in reason for each in NOTHING)


def cause(events: list[Answer], stack_name: str) -> str:
    """Why the last update went back: the first failure since it began. ``events``: newest first."""
    found = ""
    for event in events:
        status, logical_id = str(event.get("ResourceStatus")), event.get("LogicalResourceId")
        if status.endswith("_FAILED") and event.get("ResourceStatusReason"):
            found = f"{logical_id}: {event['ResourceStatusReason']}"
        if status == "UPDATE_IN_PROGRESS" and logical_id == stack_name:
            break
    return one_line(found or "its events name no reason")


def after_failure(stack_name: str, status: str) -> tuple[str, str]:
    """What a stack that did not keep an update has, and what to do (user guide, "Continue rolling back an update")."""
    if status == WENT_BACK:
        return "its attributes are those of before", "Mend that, then run the same command again."
    return (
        "its attributes may be either",
        f"Mend that, continue its rollback (aws cloudformation continue-update-rollback --stack-name {stack_name}), "
        "then run the same command again.",
    )


def _shown(value: Any) -> str:
    return "nothing" if value is None else str(value)
