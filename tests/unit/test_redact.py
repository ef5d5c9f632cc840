# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What may be shown, and what is hidden."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import unquote

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.rules import redact, refusals
from ansible_collections.steady.ecs.plugins.module_utils.rules.differences import Difference
from ansible_collections.steady.ecs.plugins.module_utils.rules.task_definition import compare

KEY = redact.run_key()
SECRET = "canary-7f3a"
HIDDEN = re.compile(r"hidden:[0-9a-f]{8}")
APP = "containerDefinitions[app]"


def shown(path: str, value: Any, *safe: str, resource: str = "task definition") -> Any:
    return redact.difference(Difference(resource, path, value, None), set(safe), KEY).expected


@pytest.mark.parametrize(
    "path",
    [
        f"{APP}.environment[TOKEN]",
        f"{APP}.environment[A].image",
        f"{APP}.environment[A]] .secrets[B]",
        f"{APP}.environment[secrets[B]",
        f"{APP}.command",
        f"{APP}.entryPoint",
        f"{APP}.healthCheck.command",
        f"{APP}.logConfiguration.options[splunk-token]",
        f"{APP}.logConfiguration.options[awslogs-group].options[x]",
        f"{APP}.firelensConfiguration.options[x]",
        f"{APP}.dockerLabels[x]",
        f"{APP}.dockerLabels[x].image",
        f"{APP}.repositoryCredentials.credentialsParameter",
        f"{APP}.invented",
        "proxyConfiguration.properties[x]",
        "volumes[x].dockerVolumeConfiguration.driverOpts[password]",
        "tags[x]",
        "invented.image",
        "",
    ],
)
def test_what_is_not_known_to_be_harmless_is_hidden(path: str) -> None:
    assert HIDDEN.fullmatch(shown(path, SECRET))
    assert HIDDEN.fullmatch(shown(path, [SECRET]))
    assert SECRET not in repr(shown(path, {"a": SECRET}))


@pytest.mark.parametrize(
    "path",
    [
        "family",
        "cpu",
        "memory",
        "taskRoleArn",
        "executionRoleArn",
        "runtimePlatform.cpuArchitecture",
        f"{APP}.image",
        f"{APP}.name",
        f"{APP}.portMappings[80/tcp].protocol",
        f"{APP}.portMappings[80/tcp#2].name",
        f"{APP}.secrets[TOKEN]",
        f"{APP}.logConfiguration.secretOptions[token]",
        f"{APP}.logConfiguration.options[awslogs-stream-prefix]",
    ],
)
def test_names_images_ports_sizes_and_references_are_shown(path: str) -> None:
    assert shown(path, "visible") == "visible"


@pytest.mark.parametrize("value", [None, True, False, 0, 86400])
def test_numbers_truth_values_and_absence_are_shown(value: Any) -> None:
    assert shown(f"{APP}.healthCheck.retries", value) == value


def test_a_safe_variable_is_shown_but_for_user_names_and_passwords() -> None:
    path = f"{APP}.environment[URL]"
    assert shown(path, "http://localhost:5555/x", "URL") == "http://localhost:5555/x"
    assert HIDDEN.fullmatch(shown(path, "http://localhost:5555/x", "OTHER"))
    with_password = shown(path, f"postgres://ada:{SECRET}@db:5432/app?a@b", "URL")
    assert re.fullmatch(r"postgres://hidden:[0-9a-f]{8}@db:5432/app\?a@b", with_password)


def test_a_whole_container_is_hidden_member_by_member() -> None:
    container = {
        "name": "new",
        "image": "example.com/new:1",
        "environment": [{"name": "TOKEN", "value": SECRET}, {"name": "MODE", "value": "fast"}],
        "command": ["run", SECRET],
        "secrets": [{"name": "KEY", "valueFrom": "/key"}],
        "dockerLabels": {"image": SECRET},
    }
    (found,) = compare({"containerDefinitions": [container]}, {})
    value = redact.difference(found, {"MODE"}, KEY).expected
    assert SECRET not in repr(value)
    assert value["image"] == "example.com/new:1"
    assert value["environment"]["MODE"] == "fast"
    assert value["secrets"] == {"KEY": "/key"}
    assert HIDDEN.fullmatch(value["command"])


def test_equal_digits_mean_an_equal_value_within_the_run_only() -> None:
    path = f"{APP}.environment[A]"
    same, other = shown(path, SECRET), shown(path, SECRET + "x")
    assert shown(path, SECRET) == same != other
    elsewhere = redact.difference(Difference("task definition", path, SECRET, None), set(), redact.run_key())
    assert elsewhere.expected != same


@pytest.mark.parametrize("resource", ["service", "target group tg-web"])
def test_settings_and_attributes_are_shown(resource: str) -> None:
    assert shown("stickiness.type", "lb_cookie", resource=resource) == "lb_cookie"
    assert shown("deploymentConfiguration", {"strategy": "ROLLING"}, resource=resource) == {"strategy": "ROLLING"}


def test_a_resource_that_nobody_thought_of_is_hidden() -> None:
    assert HIDDEN.fullmatch(shown("x", SECRET, resource="secret store"))


def test_both_sides_are_hidden_and_absence_stays() -> None:
    found = redact.difference(Difference("task definition", f"{APP}.environment[A]", None, SECRET), set(), KEY)
    assert found.expected is None
    assert HIDDEN.fullmatch(found.actual)
    assert found.kind == "ADD"


def test_the_environment_of_a_container() -> None:
    values = {"A": SECRET, "B": None, "C": "shown"}
    found = redact.environment(values, {"C"}, KEY)
    assert found == {"A": redact.hidden(SECRET, KEY), "B": None, "C": "shown"}


def test_the_diff_has_a_line_a_side_that_has_something() -> None:
    differences = [
        Difference("service", "a", 1, 2),
        Difference("service", "b", None, 3),
        Difference("service", "c", 4, None),
    ]
    assert redact.diff(differences) == {"before": {"a": 2, "b": 3}, "after": {"a": 1, "c": 4}}


@pytest.mark.parametrize(
    ("given", "clean"),
    [
        ("plain text\nsecond line\t!", "plain text\nsecond line\t!"),
        ("\x1b[31mred\x1b[0m \x1b]0;title\x07end", "red end"),
        ("a\x00b\x07c\x9bd\r\n", "abcd\n"),
        ("\u202eevil\u200b", "evil"),
        ("::error::x", ": :error::x"),
        ("a\n  ::set-output name=x::y", "a\n  : :set-output name=x::y"),
        ("\x1b::error::x", ": :error::x"),
        ("a\u2028::error::x", "a\n: :error::x"),
        ("x ##[error]y", "x # #[error]y"),
        ("##vso[task.setvariable]y", "# #vso[task.setvariable]y"),
        ("##VSO[task.setvariable]y", "# #VSO[task.setvariable]y"),
        ("##teamcity[buildStatus text='x']", "# #teamcity[buildStatus text='x']"),
        ("std::vector", "std::vector"),
    ],
)
def test_text_from_outside_commands_nobody(given: str, clean: str) -> None:
    assert redact.text(given) == clean


def test_values_that_aws_quotes_are_hidden() -> None:
    assert redact.without(f"Invalid value {SECRET}, {SECRET}", {SECRET, ""}) == "Invalid value hidden, hidden"
    assert redact.without("12 of 1234", {"12"}) == "hidden of 1234"


@pytest.mark.parametrize("name", ["DB_PASSWORD", "API_TOKEN", "apiToken", "AWS_ACCESS_KEY_ID", "secretKeyBase", "key"])
def test_a_name_that_names_a_secret_is_hidden_whoever_declares_it_safe(name: str) -> None:
    assert HIDDEN.fullmatch(shown(f"{APP}.environment[{name}]", SECRET, name))
    assert redact.environment({name: SECRET}, {name}, KEY) == {name: redact.hidden(SECRET, KEY)}


@pytest.mark.parametrize("name", ["CORAL_SESSIONS", "CORAL_SSE_URL", "KEYBOARD", "MONKEY", "PASSENGERS", "tokenizer"])
def test_a_name_that_only_sounds_like_it_may_be_shown(name: str) -> None:
    assert shown(f"{APP}.environment[{name}]", "visible", name) == "visible"


def test_the_texts_of_a_task_definition_that_no_message_may_bring() -> None:
    container = {
        "name": "app-with-a-long-name",
        "image": "registry.example.com/app:1",
        "environment": [
            {"name": "A", "value": "12"},
            {"name": "B", "value": "true"},
            {"name": "C", "value": f"postgres://ada:{SECRET}@db.internal/x"},
            {"name": "D"},
        ],
        "secrets": [{"name": "S", "valueFrom": "/a/long/parameter/name"}],
        "command": ["run", "--token=command-secret"],
        "healthCheck": {"command": ["CMD-SHELL", "curl -H 'X-Auth: health-secret' localhost"], "retries": 3},
        "dockerLabels": {"owner": "label-secret"},
        "logConfiguration": {"options": {"awslogs-group": "/a/log/group/name", "splunk-token": "option-secret"}},
    }
    found = redact.values_in({"containerDefinitions": [container, {"name": "bare"}]})
    url = f"postgres://ada:{SECRET}@db.internal/x"
    assert {unquote(each) for each in found} == {
        *("12", url, "ada", SECRET),
        *("command-secret", "health-secret", "label-secret", "option-secret"),
    }
    assert redact.values_in({"containerDefinitions": [container]}, 4) == found - {"12", "ada"}
    assert redact.values_in({}) == set()


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ('{"user":"ada","password":"p@s\\"w0rd"}', "began with {}"),
        ('pa"ss\\canary', '{{"p": {}}}'),
        ("pässwörd", "{}"),
        ("tab\tand\nline", "{}"),
    ],
)
@pytest.mark.parametrize("as_ascii", [True, False])
def test_a_value_is_hidden_as_a_structured_log_line_quotes_it(value: str, line: str, as_ascii: bool) -> None:
    secrets = redact.values_in(_with(environment=[{"name": "P", "value": value}]))
    quoted = json.dumps(value, ensure_ascii=as_ascii)
    assert redact.without(line.format(quoted), secrets) == line.format('"hidden"')


def test_each_url_of_a_value_is_taken_apart() -> None:
    """A list of brokers has a password in each."""
    brokers = "amqp://ada:canary-1@one/x,amqp://bob:canary-2@two/x"
    secrets = redact.values_in(_with(environment=[{"name": "BROKERS", "value": brokers}]))
    assert redact.without("no such password: canary-1, canary-2", secrets) == "no such password: hidden, hidden"


def test_a_value_is_hidden_as_a_url_and_a_cleaned_message_quote_it() -> None:
    secrets = redact.values_in(_with(environment=[{"name": "P", "value": "abc/def+canary=="}]))
    assert redact.without("GET /?t=abc%2Fdef%2Bcanary%3D%3D", secrets) == "GET /?t=hidden"
    secrets = redact.values_in(_with(environment=[{"name": "U", "value": "postgres://ada:ca%2Fnary-1@db/x"}]))
    assert redact.without("no such password: ca/nary-1", secrets) == "no such password: hidden"
    value = "can\u200bary"
    refused = refusals.refusal("Registering", "ClientException", f"{value} is not valid")
    secrets = redact.values_in(_with(environment=[{"name": "P", "value": value}]))
    assert redact.without(refused.msg, secrets) == "Registering: ClientException: hidden is not valid"


@pytest.mark.parametrize(
    "definition",
    [
        {"volumes": [{"name": "v", "dockerVolumeConfiguration": {"driverOpts": {"o": f"user=ada,password={SECRET}"}}}]},
        {"proxyConfiguration": {"containerName": "e", "properties": [{"name": "K", "value": SECRET}]}},
        {"containerDefinitions": [{"logConfiguration": {"options": {"fluentd-address": f"https://a:{SECRET}@x"}}}]},
        {"containerDefinitions": [{"dockerLabels": {"url": f"https://a:{SECRET}@x"}}]},
    ],
)
def test_what_a_plan_hides_no_message_brings(definition: dict[str, Any]) -> None:
    assert SECRET not in redact.without(f"cannot use {SECRET}", redact.values_in(definition))


@pytest.mark.parametrize(
    ("command", "shown_"),
    [
        (["serve", "--token", "canary-1"], "serve --token hidden"),
        (["serve", "--token=canary-1", "--port", "8080"], "serve --token=hidden --port 8080"),
        (["sh", "-c", "API_KEY='canary-1' exec serve"], "sh -c API_KEY='hidden' exec serve"),
        (["serve", "--passwd", "--verbose", "-api-key", "canary-1"], "serve --passwd --verbose -api-key hidden"),
    ],
)
def test_what_is_given_to_an_option_that_is_named_like_a_secret_is_hidden(command: list[str], shown_: str) -> None:
    """However short it is; other short words stay, or no message could be understood."""
    for member in ({"command": command}, {"entryPoint": command}, {"healthCheck": {"command": [" ".join(command)]}}):
        assert redact.without(f'exec: "{" ".join(command)}": not found', redact.values_in(_with(**member))) == (
            f'exec: "{shown_}": not found'
        )


@pytest.mark.parametrize("password", ["pa/canary", "pa#canary", "pa?canary", "p@/canary"])
def test_a_password_that_no_url_may_have_is_hidden_in_one(password: str) -> None:
    line = f"connecting to 'postgres://ada:{password}@db:5432/app' now"
    shown_ = redact.without_user_info(line)
    assert "canary" not in shown_ and shown_.endswith("@db:5432/app' now")
    for harmless in ("http://localhost:8080/app?a@b and c@d", "https://example.com/@ada", "//x:y@z", "https://x y:z@w"):
        assert redact.without_user_info(harmless) == harmless


def _with(**container: Any) -> dict[str, Any]:
    return {"containerDefinitions": [{"name": "app", **container}]}


def test_callback_plugins_see_no_structure_and_no_credential() -> None:
    options = {
        "cluster": {"type": "str"},
        "changes": {"type": "dict"},
        "names": {"type": "list"},
        "wait": {"type": "int"},
    }
    given = {
        "cluster": "c1", "wait": 5, "region": "us-east-1",
        "changes": {"a": SECRET}, "names": [SECRET], "secret_key": SECRET, "aws_config": {"a": SECRET},
        "misspelt": SECRET,
    }  # fmt: skip
    found = redact.arguments(given, options)
    assert set(found) == set(given)
    assert (found["cluster"], found["wait"], found["region"]) == ("c1", 5, "us-east-1")
    assert SECRET not in repr(found)
    assert SECRET not in repr(redact.arguments({"changes": SECRET}, options))
    urls = {"endpoint_url": f"https://ada:{SECRET}@localhost:4566", "cluster": f"https://:{SECRET}@web/"}
    assert redact.arguments(urls, options)["endpoint_url"] == "https://hidden@localhost:4566"
    assert SECRET not in repr(redact.arguments(urls, options))


def test_c91_a_log_option_of_a_service_is_hidden_as_one_of_a_container_is() -> None:
    path = "serviceConnectConfiguration.logConfiguration"
    shown_, hidden = {"awslogs-group": "/g", "mode": "blocking"}, {"splunk-token": SECRET, "invented": SECRET}
    references = [{"name": "token", "valueFrom": "/token"}]
    value = {"logDriver": "splunk", "options": {**shown_, **hidden}, "secretOptions": references, "invented": [SECRET]}
    found = shown(path, value, resource="service")
    assert SECRET not in repr(found)
    assert (found["logDriver"], found["secretOptions"]) == ("splunk", references)
    assert found["options"].items() >= shown_.items() and found["options"].keys() == value["options"].keys()
    kept = redact.recorded(path, value)
    assert kept["options"] == {**shown_, **dict.fromkeys(hidden, redact.WITHHELD)}
    assert redact.is_withheld(kept) and redact.recorded(path, kept) == kept
    whole = {"logDriver": "awslogs", "options": shown_, "secretOptions": references}
    assert redact.recorded(path, whole) == whole and not redact.is_withheld(whole)
    assert redact.recorded(path, None) is None
    assert redact.values_in({"serviceConnectConfiguration": {"logConfiguration": value}}) == {SECRET}
