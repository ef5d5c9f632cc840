"""Templates of stacks in JSON or YAML: parameters, and resources with parameters put in for Ref.

Source: CloudFormation user guide, "Template anatomy", "Parameters" and "Intrinsic function reference".
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from .wire import AwsError, Params

SERVED = {"Type", "Default", "Description", "NoEcho"}
SECTIONS = {"AWSTemplateFormatVersion", "Description", "Metadata", "Parameters", "Resources", "Outputs"}
OF_A_RESOURCE = {"Type", "Properties", "DependsOn"}
NAMED = {"RoleName", "UserName", "GroupName", "InstanceProfileName", "ManagedPolicyName"}
PLACEHOLDER = re.compile(r"\$\{([\w:]+)")


def _yaml(text: str) -> Any:
    from .stack_yaml import load  # few beds have a stack, and the parser's import is a part of every start

    return load(text)


class Template:
    def __init__(self, text: str) -> None:
        self.text = text
        try:
            found = json.loads(text) if text.lstrip().startswith("{") else _yaml(text)
        except ValueError as problem:
            raise AwsError("ValidationError", f"Template format error: {problem}") from None
        resources = found.get("Resources") if isinstance(found, dict) else None
        if not isinstance(resources, dict) or not resources:
            raise AwsError("ValidationError", "Template format error: At least one Resources member must be defined.")
        self._resources: Params = resources
        self._parameters: Params = found.get("Parameters", {})
        self._refuse(found)
        for name, each in self._parameters.items():
            if set(each) - SERVED or each.get("Type") not in ("String", "Number"):
                raise AwsError("InvalidAction", f"The test bed does not implement the parameter {name}: {each}")
        self.kinds = {name: str(each["Type"]) for name, each in self._resources.items()}
        self.defaults = {k: _text(each["Default"]) for k, each in self._parameters.items() if "Default" in each}
        self.hidden = {name for name, each in self._parameters.items() if each.get("NoEcho") in (True, "true")}
        iam = [each for name, each in resources.items() if self.kinds[name].startswith("AWS::IAM::")]
        named = any(NAMED & set(each.get("Properties") or {}) for each in iam)
        self.capability = "CAPABILITY_NAMED_IAM" if named else "CAPABILITY_IAM" if iam else ""

    def _refuse(self, found: Params) -> None:
        """Refuse by name what would be ignored otherwise: a change set would say too little."""
        lacks = [f"the section {name} of a template" for name in sorted(set(found) - SECTIONS)]
        for name, each in self._resources.items():
            lacks += [f"{key} of the resource {name}" for key in sorted(set(each) - OF_A_RESOURCE)]
            for function, content in _functions(each.get("Properties")):
                texts = [text for text in _leaves(content) if set(PLACEHOLDER.findall(text)) & set(self._parameters)]
                if texts or function in ("Fn::If", "Fn::FindInMap", "Fn::Transform"):
                    lacks.append(f"{function} with a parameter, condition or mapping, in the resource {name}")
        if lacks:
            raise AwsError("InvalidAction", f"The test bed does not implement {'; '.join(lacks)}")

    def parameters(self, before: dict[str, str], given: Mapping[str, str | None]) -> dict[str, str]:
        """The value of each parameter. One that is not given has its default, whatever it was before (API reference,
        UpdateStack: UsePreviousValue)."""
        unknown = sorted(set(given) - set(self._parameters))
        if unknown:
            raise AwsError("ValidationError", f"Parameters: [{', '.join(unknown)}] do not exist in the template")
        found = dict(self.defaults)
        for key, value in given.items():
            if value is None and key not in before:
                why = "Cannot specify usePreviousValue as true for a parameter key not in the previous template"
                raise AwsError("ValidationError", f"Invalid input for parameter key {key}. {why}")
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


def _functions(value: Any) -> Iterator[tuple[str, Any]]:
    """Every intrinsic function but Ref, with what it is given."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key.startswith("Fn::"):
                yield key, inner
            yield from _functions(inner)
    elif isinstance(value, list):
        for each in value:
            yield from _functions(each)


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _leaves(each)
    else:
        yield str(value)


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
