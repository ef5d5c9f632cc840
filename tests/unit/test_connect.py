# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Service Connect among the settings: when two are equal, what is sent, and what is refused."""

from __future__ import annotations

import contextlib
from typing import Any

import botocore.session
import pytest
from ansible_collections.steady.ecs.plugins.module_utils.rules import connect, plan, service, states, wording
from ansible_collections.steady.ecs.plugins.module_utils.rules.declaration import DeclarationError
from botocore.validate import ParamValidator

from tests.unit import answers

Answer = dict[str, Any]
SERVICES = [
    {"portName": "admin", "discoveryName": "web-admin", "clientAliases": [{"port": 9000}]},
    {"portName": "http", "clientAliases": [{"port": 80, "dnsName": "web"}], "timeout": {"idleTimeoutSeconds": 60}},
]
ON: Answer = {"enabled": True, "namespace": "internal", "services": SERVICES}
INPUT = botocore.session.get_session().get_service_model("ecs").operation_model("UpdateService").input_shape


def live(configuration: Answer | None = None) -> Answer:
    return answers.service(answers.deployment(1, serviceConnectConfiguration=configuration))


def compared(declared: Any, found: Answer | None = None) -> dict[str, Any]:
    return {
        each.path: each.expected for each in service.compare({"serviceConnectConfiguration": declared}, live(found))
    }


def sent(declared: Any, found: Answer | None = None) -> Any:
    differences = service.compare({"serviceConnectConfiguration": declared}, live(found))
    arguments = service.request(differences, live(found))
    report = ParamValidator().validate({"service": "web", **arguments}, INPUT)
    assert not report.has_errors(), report.generate_report()
    assert service.deploys(differences, live(found)) == bool(differences)
    return arguments.get("serviceConnectConfiguration")


def test_what_means_the_same_is_no_difference() -> None:
    """Order, numbers as text, and the discovery name that AWS takes from the port."""
    other = [
        {**SERVICES[1], "discoveryName": "http", "clientAliases": [{"dnsName": "web", "port": "80"}]},
        {**SERVICES[0], "timeout": None},
    ]
    other[0]["timeout"] = {"idleTimeoutSeconds": "60", "perRequestTimeoutSeconds": None}
    assert compared({**ON, "enabled": "yes", "services": other}, ON) == {}
    assert compared({"enabled": False}) == compared(None) == compared({"enabled": False}, {"enabled": False}) == {}


def test_a_change_is_sent_with_all_that_stays() -> None:
    assert sent({"namespace": "other"}, ON) == {**ON, "namespace": "other"}
    assert sent(ON) == {**ON, "services": connect.services("services", SERVICES)}
    assert sent({"enabled": False}, ON) == sent(None, ON) == {"enabled": False}


def test_what_is_switched_off_has_no_more_to_say() -> None:
    """AWS may go on answering the rest: a release that switched it off would never be settled."""
    off = {**ON, "enabled": False}
    assert compared(None, off) == {}
    kept = states.live_settings(live(off))["serviceConnectConfiguration"]
    assert kept == states.live_settings(live())["serviceConnectConfiguration"]
    assert sent(kept, ON) == {"enabled": False}
    assert compared(kept, off) == {}


@pytest.mark.parametrize(
    ("declared", "found", "words"),
    [
        ({"namespace": "internal"}, None, "Declare serviceConnectConfiguration.enabled: true"),
        ({**ON, "enabled": False}, ON, "namespace, services would have no meaning then"),
        ({"namespace": "arn:aws:servicediscovery:us-east-1:1:namespace/ns-1"}, ON, "one is a name, the other an ARN"),
        ({"enabled": True, "services": [{"clientAliases": [], "token": "canary"}]}, None, "names no portName"),
        ({"enabled": {"token": "canary"}}, None, "enabled must be true or false."),
        ({"enabled": True, "services": [{"portName": "a", "clientAliases": [{"port": "x"}]}]}, None, "whole number"),
        ({"enabled": True, "logConfiguration": "awslogs"}, None, "must be a mapping"),
        ({"enabled": True, "proxy": {}}, None, "is not known"),
    ],
)
def test_what_cannot_be_meant_is_refused(declared: Answer, found: Answer | None, words: str) -> None:
    with pytest.raises(DeclarationError) as refused:
        compared(declared, found)
    assert words in refused.value.msg


@pytest.mark.parametrize(
    ("given", "found", "is_refused"),
    [
        ({"namespace": "other"}, ON, True),
        ({}, ON, True),
        (None, ON, False),
        ({"enabled": "no"}, ON, False),
        ({}, {**ON, "enabled": False}, False),
        ({"enabled": True, "services": [{"portName": "there"}]}, ON, False),
        ({"enabled": True, "services": [{"portName": "gone"}]}, None, True),
    ],
)
def test_what_will_be_offered_is_what_is_declared_over_what_is_live(
    given: Any, found: Answer | None, is_refused: bool
) -> None:
    """A part that is not declared stays as it is live, its ports too; what is switched off offers nothing."""
    content = {"containerDefinitions": [{"name": "app", "portMappings": [{"containerPort": 80, "name": "there"}]}]}
    declared = plan.Declared(settings={connect.NAME: given})
    now = plan.Live(service=live(found), definition=content, groups=[], attributes={})
    with pytest.raises(DeclarationError, match="is named") if is_refused else contextlib.nullcontext():
        wording._refuse_port_names(content, declared, now)


def test_a_namespace_that_is_switched_off_says_nothing() -> None:
    arn = "arn:aws:servicediscovery:us-east-1:1:namespace/ns-1"
    assert compared({**ON, "namespace": arn}, {**ON, "enabled": False})[f"{connect.NAME}.namespace"] == arn


def test_a_port_without_its_name_is_refused_before_ecs_does() -> None:
    for names, unknown in (([], ["admin", "http"]), (["http"], ["admin"]), (["http", "admin", "more"], [])):
        mappings = [{"containerPort": 80 + number, "name": name} for number, name in enumerate(names)]
        content = {"containerDefinitions": [{"name": "app"}, {"name": "web", "portMappings": mappings}]}
        assert connect.unknown_ports(SERVICES, content) == unknown
