"""Templates of stacks in JSON or YAML: parameters, and resources with parameters put in for Ref.

Source: CloudFormation user guide, "Template anatomy", "Parameters" and "Intrinsic function reference".
"""

import json
from collections.abc import Mapping
from typing import Any

import yaml

from .wire import AwsError, Params

SERVED = {"Type", "Default", "Description", "NoEcho"}


class _Loader(yaml.SafeLoader):
    """With the short forms of intrinsic functions."""


def _intrinsic(loader: Any, suffix: str, node: Any) -> Params:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _intrinsic)


class Template:
    def __init__(self, text: str) -> None:
        self.text = text
        try:
            found = json.loads(text) if text.lstrip().startswith("{") else yaml.load(text, _Loader)  # noqa: S506
        except (ValueError, yaml.YAMLError) as problem:
            raise AwsError("ValidationError", f"Template format error: {problem}") from None
        resources = found.get("Resources") if isinstance(found, dict) else None
        if not isinstance(resources, dict) or not resources:
            raise AwsError("ValidationError", "Template format error: At least one Resources member must be defined.")
        self._resources: Params = resources
        self._parameters: Params = found.get("Parameters", {})
        for name, each in self._parameters.items():
            if set(each) - SERVED or each.get("Type") not in ("String", "Number"):
                raise AwsError("InvalidAction", f"The test bed does not implement the parameter {name}: {each}")
        self.kinds = {name: str(each["Type"]) for name, each in self._resources.items()}
        self.defaults = {k: _text(each["Default"]) for k, each in self._parameters.items() if "Default" in each}
        self.hidden = {name for name, each in self._parameters.items() if each.get("NoEcho") in (True, "true")}
        self.needs_iam = any(kind.startswith("AWS::IAM::") for kind in self.kinds.values())

    def parameters(self, before: dict[str, str], given: Mapping[str, str | None]) -> dict[str, str]:
        """The value of each parameter. One that is not given has its default, whatever it was before (API reference,
        UpdateStack: UsePreviousValue)."""
        unknown = sorted(set(given) - set(self._parameters))
        if unknown:
            raise AwsError("ValidationError", f"Parameters: [{', '.join(unknown)}] do not exist in the template")
        found = dict(self.defaults)
        for key, value in given.items():
            if value is not None or key in before:
                found[key] = before[key] if value is None else value
        missing = sorted(set(self._parameters) - set(found))
        if missing:
            raise AwsError("ValidationError", f"Parameters: [{', '.join(missing)}] must have values")
        for key, value in found.items():
            if self._parameters[key]["Type"] == "Number" and not value.lstrip("-").isdigit():
                raise AwsError("ValidationError", f"Parameter '{key}' must be a number.")
        return found

    def resolved(self, parameters: dict[str, str]) -> dict[str, Params]:
        """The properties of each resource by its logical id, values as text."""
        return {name: _put_in(each.get("Properties") or {}, parameters) for name, each in self._resources.items()}


def _put_in(value: Any, parameters: dict[str, str]) -> Any:
    if isinstance(value, dict):
        if set(value) == {"Ref"} and value["Ref"] in parameters:
            return parameters[value["Ref"]]
        return {key: _put_in(each, parameters) for key, each in value.items()}
    if isinstance(value, list):
        return [_put_in(each, parameters) for each in value]
    return _text(value)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
