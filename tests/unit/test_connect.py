# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Service Connect among the settings: when two are equal, what is sent, and what is refused."""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest
from ansible_collections.steady.ecs.plugins.module_utils.rules import connect, service, states
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
    assert sent({"enabled": False}, ON) == {**ON, "enabled": False}
    assert sent(None, ON) == {"enabled": False, "services": []}


def test_what_is_switched_off_has_no_more_to_say() -> None:
    """AWS may go on answering the rest: a release that switched it off would never be settled."""
    off = {**ON, "enabled": False}
    assert compared(None, off) == {}
    kept = states.live_settings(live(off))["serviceConnectConfiguration"]
    assert kept == states.live_settings(live())["serviceConnectConfiguration"]
    assert sent(kept, ON) == {"enabled": False, "services": []}
    assert compared(kept, off) == {}


@pytest.mark.parametrize(
    ("declared", "found", "words"),
    [
        ({"namespace": "internal"}, None, "Declare serviceConnectConfiguration.enabled: true"),
        ({**ON, "enabled": False}, ON, "namespace, services would have no meaning then"),
        ({"namespace": "arn:aws:servicediscovery:us-east-1:1:namespace/ns-1"}, ON, "one is a name, the other an ARN"),
        ({"enabled": True, "services": [{"clientAliases": []}]}, None, "names no portName"),
        ({"enabled": True, "services": [{"portName": "a", "clientAliases": [{"port": "x"}]}]}, None, "whole number"),
        ({"enabled": True, "logConfiguration": "awslogs"}, None, "must be a mapping"),
        ({"enabled": True, "proxy": {}}, None, "is not known"),
    ],
)
def test_what_cannot_be_meant_is_refused(declared: Answer, found: Answer | None, words: str) -> None:
    with pytest.raises(DeclarationError) as refused:
        compared(declared, found)
    assert words in refused.value.msg


def test_a_port_without_its_name_is_refused_before_ecs_does() -> None:
    for names, unknown in (([], ["admin", "http"]), (["http"], ["admin"]), (["http", "admin", "more"], [])):
        mappings = [{"containerPort": 80 + number, "name": name} for number, name in enumerate(names)]
        content = {"containerDefinitions": [{"name": "app"}, {"name": "web", "portMappings": mappings}]}
        assert connect.unknown_ports(SERVICES, content) == unknown
