"""Variables that are named like a secret and stand in clear in the task definition."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.rules import preflight


def content(name: str, value: str = "canary-1", **more: Any) -> dict[str, Any]:
    return {"containerDefinitions": [{"name": "app", "environment": [{"name": name, "value": value}], **more}]}


@pytest.mark.parametrize("name", ["DB_PASSWORD", "API_TOKEN", "STRIPE_KEY", "clientSecret", "dbPass"])
def test_it_is_a_finding_with_its_name_and_without_its_value(name: str) -> None:
    (found,) = preflight.in_clear(content(name))
    assert found.startswith(f"{name} of app: ") and "secrets" in found
    assert "canary" not in found


@pytest.mark.parametrize(
    "harmless",
    [
        content("KEYBOARD"),
        content("MONKEY_COUNT"),
        content("PATH"),
        content("DB_PASSWORD", ""),
        content("PORT", secrets=[{"name": "DB_PASSWORD", "valueFrom": "arn:aws:ssm:us-east-1:1:parameter/p"}]),
        {},
    ],
)
def test_what_is_no_secret_or_comes_as_one_is_none(harmless: dict[str, Any]) -> None:
    assert preflight.in_clear(harmless) == []


def test_all_of_them_are_one_finding() -> None:
    both = content("A_TOKEN")["containerDefinitions"] + content("B_KEY")["containerDefinitions"]
    (found,) = preflight.in_clear({"containerDefinitions": both})
    assert "A_TOKEN of app, B_KEY of app" in found
