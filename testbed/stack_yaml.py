"""Templates of stacks in YAML, with the short forms of intrinsic functions.

Source: CloudFormation user guide, "Intrinsic function reference".
"""

from typing import Any

import yaml

from .wire import Params


class _Loader(yaml.SafeLoader):
    """With the short forms."""


def _intrinsic(loader: Any, suffix: str, node: Any) -> Params:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _intrinsic)


def load(text: str) -> Any:
    """What a template says. Raises ValueError."""
    try:
        return yaml.load(text, _Loader)  # noqa: S506 it is a SafeLoader
    except yaml.YAMLError as problem:
        raise ValueError(str(problem)) from None
