# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Secrets on the bed: whether the execution role may read them, and those that were changed behind tasks (case C17)."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.rules import readable, rotation
from ansible_collections.steady.ecs.plugins.modules import deployment, service_health, service_preflight

from tests.cases.conftest import ACCOUNT, SOON, Place, until

VALUE = "a-value-that-nobody-may-see"
OLD, NEW = (json.dumps({"password": each}) for each in ("old", VALUE))
PARAMETER = f"arn:aws:ssm:us-east-1:{ACCOUNT}:parameter/web/key"


def with_secrets(place: Place) -> str:
    """A service at rest with a secret and a parameter; the secret's ARN."""
    arn = str(place.bed.client("secretsmanager").create_secret(Name="web", SecretString=OLD)["ARN"])
    place.bed.client("ssm").put_parameter(Name="/web/key", Value="old", Type="SecureString")
    named = [{"name": "PASSWORD", "valueFrom": f"{arn}:password::"}, {"name": "KEY", "valueFrom": PARAMETER}]
    place.at_rest(place.register(secrets=named))
    return arn


def rotated(place: Place, arn: str) -> None:
    """The values are changed, a good second after the tasks were started: moto counts whole seconds."""
    last = max(each["startedAt"].timestamp() for each in place.tasks())
    until(lambda: time.time() > last + 1.1)
    place.bed.client("secretsmanager").put_secret_value(SecretId=arn, SecretString=NEW)
    place.bed.client("ssm").put_parameter(Name="/web/key", Value=VALUE, Type="SecureString", Overwrite=True)
    place.forget()


def told(place: Place, module: Any, **params: Any) -> list[str]:
    """What a module warns of, about values that were changed."""
    place.warnings.clear()
    found = place.run(module, wait_timeout=60, **params)
    assert not found.get("failed"), found["msg"]
    return [line for line in place.warnings if "was changed" in line]


def test_c17_a_secret_that_is_younger_than_the_tasks_is_told_with_what_to_type(place: Place) -> None:
    arn = with_secrets(place)
    assert told(place, service_health) == []
    rotated(place, arn)
    for module in (service_health, service_preflight):
        found = told(place, module)
        assert len(found) == 2, found
        assert "3 of 3 running tasks were started before" in found[0]
        assert "-e rollout_force=true" in found[0]
    assert place.asked("GetSecretValue", "GetParameters", "GetParameter") == []
    assert VALUE not in " ".join([*place.warnings, *place.lines])
    assert place.run(deployment, force=True, **SOON)["verdict"] == "succeeded"
    assert told(place, service_health) == []


def test_c17_what_may_not_be_asked_is_not_checked(place: Place) -> None:
    rotated(place, with_secrets(place))
    for service, operation in (("secretsmanager", "DescribeSecret"), ("ssm", "DescribeParameters")):
        rule = {"service": service, "operation": operation, "error": "AccessDeniedException", "status": 400}
        place.bed.admin("PUT", "/_bed/faults", [rule])
        assert len(told(place, service_health)) == 1
        unasked = [line for line in place.warnings if line.startswith("not checked:")]
        assert len(unasked) == 1
        assert "docs/iam/verify.json" in unasked[0]


def test_c17_a_version_that_is_named_does_not_change(place: Place) -> None:
    arn = str(place.bed.client("secretsmanager").create_secret(Name="web", SecretString="old")["ARN"])
    version = place.bed.client("secretsmanager").describe_secret(SecretId=arn)["VersionIdsToStages"]
    named = [{"name": "PASSWORD", "valueFrom": f"{arn}:::{next(iter(version))}"}]
    place.bed.client("ssm").put_parameter(Name="/web/key", Value="old", Type="SecureString")
    place.at_rest(place.register(secrets=named))
    rotated(place, arn)
    assert told(place, service_health) == []


def test_c17_fails_on_a_tool_that_compares_the_definition_alone(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rotation, "findings", lambda *_asked: [])
    with pytest.raises(AssertionError, match=r"\[\]"):
        test_c17_a_secret_that_is_younger_than_the_tasks_is_told_with_what_to_type(place)


# -- the right to read them


def may(place: Place, *statements: dict[str, Any]) -> None:
    """What the execution role may do from now on."""
    document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    iam = place.bed.client("iam", key="bed")
    iam.put_role_policy(RoleName="execution", PolicyName="secrets", PolicyDocument=document)
    place.forget()


def allow(*actions: str, effect: str = "Allow", **more: Any) -> dict[str, Any]:
    return {"Effect": effect, "Action": list(actions), "Resource": "*", **more}


SECRET, KEY = "secretsmanager:GetSecretValue", "ssm:GetParameters"


@pytest.fixture
def roles(place: Place) -> Any:
    """The other tests' rights of the execution role come back."""
    yield None
    place.bed.admin("POST", "/_bed/reset")


@pytest.mark.usefixtures("roles")
@pytest.mark.parametrize(
    ("statements", "said"),
    [
        ([allow(SECRET)], f"nothing allows {KEY}"),
        ([allow(SECRET, KEY), allow(SECRET, effect="Deny")], f"a policy denies {SECRET}"),
    ],
)
def test_what_the_execution_role_may_not_read_is_refused(place: Place, statements: Any, said: str) -> None:
    with_secrets(place)
    may(place, *statements)
    found = place.run(service_preflight)
    assert found.get("failed"), "it was let through"
    assert said in found["msg"]
    assert "ResourceInitializationError" in found["msg"]
    assert place.asked("GetSecretValue", "GetParameters") == []
    may(place, allow(SECRET, KEY))
    assert place.run(service_preflight)["ok"]


@pytest.mark.usefixtures("roles")
@pytest.mark.parametrize(
    ("statements", "said"),
    [
        ([allow(KEY)], "the secret's own policy may"),
        ([allow(KEY), allow(SECRET, Condition={"StringEquals": {"aws:SourceVpce": "v"}})], "aws:SourceVpce"),
    ],
)
def test_what_the_simulator_cannot_know_is_not_checked(place: Place, statements: Any, said: str) -> None:
    with_secrets(place)
    may(place, *statements)
    assert place.run(service_preflight)["ok"]
    (unasked,) = [line for line in place.warnings if line.startswith("not checked: right to read secret:web")]
    assert said in unasked


def test_who_may_not_simulate_is_told_and_goes_on(place: Place) -> None:
    with_secrets(place)
    rule = {"service": "iam", "operation": "SimulatePrincipalPolicy", "error": "AccessDenied", "status": 403}
    place.bed.admin("PUT", "/_bed/faults", [rule])
    assert place.run(service_preflight)["ok"]
    (unasked,) = [line for line in place.warnings if line.startswith("not checked: secrets and the execution role")]
    assert "iam:SimulatePrincipalPolicy" in unasked
    assert "docs/iam/deploy.json" in unasked


@pytest.mark.usefixtures("roles")
def test_it_fails_on_a_tool_that_asks_whether_they_exist_alone(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readable, "wanted", lambda *_asked: {})
    with pytest.raises(AssertionError, match="let through"):
        test_what_the_execution_role_may_not_read_is_refused(place, [allow(SECRET)], "")
