# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A CloudFormation template beside what is declared and what is live: what its next update would undo (case C63).

Source: CloudFormation user guide, "CloudFormation template formats" and "Intrinsic function reference". A value that is
a parameter, or made of one, is the stack's to know: it is shown, and decides nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules import groups, ownership
from ansible_collections.steady.ecs.plugins.module_utils.rules.declaration import DeclarationError
from ansible_collections.steady.ecs.plugins.module_utils.rules.differences import Difference
from ansible_collections.steady.ecs.plugins.module_utils.rules.outcome import one_line

try:
    import yaml

    HAS_YAML = True
except ImportError:
    HAS_YAML = False

Answer = dict[str, Any]

WHERE = "target_group_template"
"""Where people name the file."""
TYPE = "AWS::ElasticLoadBalancingV2::TargetGroup"
ATTRIBUTES = "TargetGroupAttributes"
LARGEST = 1_000_000
"""Characters of a template that CloudFormation takes (user guide, quotas: 1 MB in S3)."""
OF_FILE, OF_STACK = "template of ", "stack of "
"""How the resource of a difference begins."""
LONGEST = 200
"""Characters of a value that are shown: an expression may be a page long."""
SHORT = {"Ref": "Ref", "Condition": "Condition"}
"""Short forms whose full form has no ``Fn::``."""


@dataclass
class Compared:
    """What the file says of one or several target groups."""

    columns: list[Answer] = field(default_factory=list)
    """Of each attribute that is declared, in the file or in the stack: resource, path, declared, live, stack, file."""
    differences: list[Difference] = field(default_factory=list)
    """Declared attributes that the file, or the template that the stack was last updated with, has otherwise."""
    undeclared: list[Difference] = field(default_factory=list)
    """Attributes in the file that nobody declares, and that are live otherwise."""


def lines(columns: list[Answer], differences: list[Difference]) -> list[str]:
    """The columns of what differs, a line each; that of the stack where it says something."""
    open_ = {(_group(each.resource), each.path) for each in differences}
    return [
        f"{each['resource']}: {each['path']}: "
        + ", ".join(
            f"{name} {_shown(each[name])}"
            for name in ("declared", "live", "stack", "file")
            if name != "stack" or each[name] is not None
        )
        for each in columns
        if (_group(each["resource"]), each["path"]) in open_
    ]


def _group(resource: str) -> str:
    return resource.removeprefix(OF_STACK).removeprefix(OF_FILE)


def read(text: str, path: str) -> Answer:
    """The target groups of a template in JSON or YAML, by logical id their properties. Raises DeclarationError."""
    if len(text) > LARGEST:
        raise DeclarationError(f"{WHERE}: {path} is larger than a template may be (1 MB).")
    try:
        content = loaded(text)
    except (ValueError, RecursionError) as problem:
        raise DeclarationError(f"{WHERE}: {path} is neither JSON nor YAML: {one_line(str(problem))[:300]}.") from None
    resources = content.get("Resources") if isinstance(content, dict) else None
    if not isinstance(resources, dict):
        raise DeclarationError(f"{WHERE}: {path} is no CloudFormation template: it has no mapping Resources.")
    found = {}
    for name, each in resources.items():
        if isinstance(each, dict) and each.get("Type") == TYPE:
            properties = each.get("Properties")
            found[str(name)] = properties if isinstance(properties, dict) else {}
    if not found:
        raise DeclarationError(f"{WHERE}: {path} has no resource of the type {TYPE}.")
    return found


def resource_of(resources: Answer, name: str, tags: Mapping[str, str] | None) -> str | None:
    """The logical id of the target group ``name``: by its Name, by its stack's tags, or because there is no other.
    ``tags``: None where they were not asked yet; None is answered where they are needed."""
    named = [key for key, properties in resources.items() if properties.get("Name") == name]
    if named:
        return named[0]
    unnamed = [key for key, properties in resources.items() if not isinstance(properties.get("Name"), str)]
    if len(unnamed) == 1:
        return unnamed[0]
    tagged = (tags or {}).get(ownership.LOGICAL_ID)
    return tagged if tagged in unnamed else None


def unknown(resources: Answer, name: str, path: str) -> DeclarationError:
    """That no resource of the file is known to be the group."""
    return DeclarationError(
        f"{WHERE}: none of {', '.join(sorted(resources))} in {path} is known to be target group {name}: neither by its "
        "Name nor by the tags that its stack puts on it. Name the template that makes it."
    )


def compared(
    group: Answer, declared: dict[str, str], live: dict[str, str], properties: Answer, stack: Answer | None = None
) -> Compared:
    """One target group in columns. ``declared``: as AWS keeps it; ``properties``: the file's resource; ``stack``: the
    attributes of the stack's own template, as :func:`attributes` gives them, where the group has a stack."""
    found, name = Compared(), str(group["TargetGroupName"])
    file, deployed = attributes(properties, group, live), stack or {}
    for key in {**file, **deployed, **declared}:
        columns = (declared.get(key), live.get(key), deployed.get(key), file.get(key))
        found.columns.append(_row(f"{OF_FILE}target group {name}", key, *columns))
    for begins, listed in ((OF_FILE, file), (OF_STACK, deployed)):
        for key, value in listed.items():
            resource, known = f"{begins}target group {name}", isinstance(value, str)
            if known and key in declared and value != declared[key]:
                found.differences.append(Difference(resource, key, declared[key], value))
            elif known and key not in declared and value != live.get(key, value):
                found.undeclared.append(Difference(resource, key, live[key], value))
    return found


def together(each: list[Compared]) -> Compared:
    """Several groups of one file."""
    found = Compared()
    for one in each:
        found.columns += one.columns
        found.differences += one.differences
        found.undeclared += one.undeclared
    return found


def to_write(differences: list[Difference]) -> list[str]:
    """The entries that bring the file, and the stack, to what is declared, group by group."""
    found: list[str] = []
    for resource in dict.fromkeys(each.resource for each in differences):
        some = [each for each in differences if each.resource == resource]
        where = f"by an update of the {resource}" if resource.startswith(OF_STACK) else f"in the {resource}"
        found += [f"to be written {where}:", *ownership.to_write(ownership.STACK, some)]
    return found


def _row(resource: str, key: str, declared: Any, live: Any, stack: Any, file: Any) -> Answer:
    words = {"declared": declared, "live": live, "stack": _words(stack), "file": _words(file)}
    return {"resource": resource, "path": one_line(key)[:LONGEST], **words}


def _words(value: Any) -> str | None:
    """A value of a template as it is shown."""
    if value is None:
        return None
    return one_line(value if isinstance(value, str) else expression(value))[:LONGEST]


def attributes(
    properties: Answer, group: Answer, live: dict[str, str], parameters: Mapping[str, str] | None = None
) -> Answer:
    """By key, text as AWS keeps it; what only the stack knows as it stands in the template. ``parameters``: the values
    of a stack's, which are put in."""
    listed, found = properties.get(ATTRIBUTES), dict[str, Any]()
    for entry in listed if isinstance(listed, list) else []:
        if isinstance(entry, dict) and isinstance(entry.get("Key"), str):
            value = entry.get("Value")
            if isinstance(value, dict) and set(value) == {"Ref"}:
                value = (parameters or {}).get(value["Ref"], value)
            known = not isinstance(value, (dict, list))
            found[entry["Key"]] = _text(entry["Key"], value, group, live) if known else value
    return found


def _text(key: str, value: Any, group: Answer, live: dict[str, str]) -> str:
    try:
        return groups.Part(group, {key: value}, WHERE).text(live)[key]
    except DeclarationError:  # what AWS would refuse is the stack's own problem, and no reason not to compare
        return str(value).lower() if isinstance(value, bool) else str(value)


def expression(value: Any) -> str:
    """An intrinsic function as a template in YAML has it: ``!Ref Seconds``."""
    if isinstance(value, dict) and len(value) == 1:
        ((name, given),) = value.items()
        text = given if isinstance(given, str) else json.dumps(given, default=str)
        return f"!{str(name).removeprefix('Fn::')} {text}"
    return json.dumps(value, default=str)


def _shown(value: Any) -> str:
    return "nothing" if value is None else str(value)


def loaded(text: str) -> Any:
    """JSON or YAML; raises ValueError. Nothing but plain values is ever made of it."""
    try:
        return json.loads(text)
    except ValueError:
        if not HAS_YAML:
            raise ValueError("PyYAML, which reads YAML, is not installed: run `pip install pyyaml`") from None
    try:
        return yaml.load(text, Loader=loader())  # noqa: S506 a SafeLoader
    except yaml.YAMLError as problem:
        raise ValueError(str(problem)) from None


def loader() -> Any:
    """A loader of its own, for the short forms of intrinsic functions; all other tags are refused as ever."""

    class Loader(yaml.SafeLoader):
        """Made anew, so that nobody else's YAML is read like a template."""

    Loader.add_multi_constructor("!", _intrinsic)
    return Loader


def _intrinsic(loader: Any, suffix: str, node: Any) -> Answer:
    """``!Sub "${A}"`` as ``{"Fn::Sub": "${A}"}``."""
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    return {SHORT.get(suffix, f"Fn::{suffix}"): value}
