# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What may be shown: at every exit (result, diff, record, report, message) values pass through here.

An allow-list, for nobody can list all places of a secret: what is not known to be harmless is shown as ``hidden:`` and
eight hex digits of a keyed hash. The key is random and one run's own, so within the run equal digits mean an equal
value, and nothing can be tried out against a stored output.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
import unicodedata
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, unquote

from ansible_collections.steady.ecs.plugins.module_utils.rules.differences import Difference
from ansible_collections.steady.ecs.plugins.module_utils.rules.task_definition_meaning import RESOURCE, Named

HIDDEN = "hidden:"
SECRET = {
    *("CREDENTIAL", "CREDENTIALS", "KEY", "KEYS", "PASS", "PASSPHRASE", "PASSWD", "PASSWORD", "PASSWORDS", "PWD"),
    *("APIKEY", "SECRET", "SECRETS", "TOKEN", "TOKENS"),
}
"""Words in the name of a variable whose value is never shown, whoever declares it safe."""
SINGLE = {"str", "int", "float", "bool", "path"}
"""Types of options of ours that hold no value of an environment variable."""
CONNECTION = {"region", "profile", "endpoint_url", "validate_certs"}
SHOWN_MEMBERS = {
    *("name", "image", "portMappings", "environment", "environmentFiles", "secrets", "logConfiguration", "dependsOn"),
    *("mountPoints", "volumesFrom", "user", "workingDirectory", "hostname", "ulimits", "linuxParameters"),
}
"""Members of a container of which a message may say anything; a variable's value is looked at by itself."""
LONGEST_WORD = 5
OPEN_RESOURCES = ("service", "target group ", "template of target group", "stack of target group")
"""Resources without a place for a secret, but for LOGGING: what can be declared of them stands in our own tables."""
LOGGING = "serviceConnectConfiguration.logConfiguration"
"""The one setting of a service with such a place: a log driver's options, a token among them, as of a container."""
WITHHELD = "hidden"
"""What a record keeps in the place of a value that it must not keep. It is always the same, for a hash that a later run
could make again could be tried out against the record."""

_LOG_OPTION = r"""(?:
    awslogs-[\w-]+ | mode | max-buffer-size | max-size | max-file | compress | tag | labels | env | env-regex
    | Name | region | log_group_name | log_stream_prefix | log_stream_name | delivery_stream | stream | bucket
    | gelf-compression-type | fluentd-async | splunk-source | splunk-sourcetype | splunk-index | splunk-format
)"""
"""Names of log options that hold no secret (API reference, LogConfiguration; "Send Amazon ECS logs to an AWS service or
AWS Partner", developer guide; Docker's logging drivers). No address is among them, for it may hold a password."""
_CONTAINER = r"containerDefinitions\[[\w-]+\]"
_OPEN = re.compile(
    rf"""
    family | cpu | memory | networkMode | pidMode | ipcMode | taskRoleArn | executionRoleArn
    | requiresCompatibilities | runtimePlatform\.\w+
    | volumes\[[\w-]+\]\.name
    | {_CONTAINER}\.(?:
        name | image | cpu | memory | memoryReservation | versionConsistency
        | portMappings\[[\d/a-z\#-]+\]\.\w+
        | secrets\[.*\] | logConfiguration\.secretOptions\[.*\] | logConfiguration\.logDriver
        | logConfiguration\.options\[{_LOG_OPTION}\]
        | dependsOn\[[\w-]+\] | mountPoints\[[^\]]*\]\.sourceVolume | volumesFrom\[[\w-]+\]\.sourceContainer
    )
    | {re.escape(LOGGING)}\.(?: logDriver | secretOptions | options\.{_LOG_OPTION} )
    """,
    re.VERBOSE | re.DOTALL,
)
_SEPARATOR = re.compile(r"""[\s'"`=,;]+""")
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_VARIABLE = re.compile(rf"{_CONTAINER}\.environment\[(.*)\]", re.DOTALL)
_USER_INFO = re.compile(r"""(?<=://)(?:[^/\s?#]*(?=@[^/?#])|[^/\s?#:]*:(?!\d+[/?#])[^\s"'<>]{0,200}(?=@))""")
"""A password that is not written as a URL demands, with a slash or a question mark, reaches to the last @; but not
endlessly, for a log line that is all ``://`` must not keep anybody."""
_GIVEN = re.compile(r"""(?=(?:(?<!\S)-{1,2}([\w.-]+?)[\s=]+|(?<![\w-])(\w+)=)["']?([^\s"'-][^\s"']{0,200}))""")
"""An option or a variable of a command line, and its value. Ahead, for the value of one may hold the next."""
_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\))")
_COMMAND = re.compile(r"^(\s*):(?=:)|#(?=#\w*\[)", re.MULTILINE)


def run_key() -> bytes:
    """A key for the hashes of one run."""
    return secrets.token_bytes(16)


def difference(found: Difference, safe: set[str], key: bytes) -> Difference:
    """The difference as it may be shown. ``safe``: names of environment variables whose values may be."""
    if found.resource != RESOURCE and not found.path.startswith(LOGGING):
        is_open = found.resource.startswith(OPEN_RESOURCES)
        shown = [_open(each, key) if is_open else hidden(each, key) for each in (found.expected, found.actual)]
    else:
        shown = [_value(each, found.path, safe, key) for each in (found.expected, found.actual)]
    return Difference(found.resource, text(found.path), *shown)


def recorded(path: str, value: Any) -> Any:
    """A setting as records keep it, and as states are compared: of LOGGING what may be shown, WITHHELD for the rest."""
    return _kept(path, value) if path == LOGGING else value


def is_withheld(value: Any) -> bool:
    """Whether something of a recorded setting is not on record, so that nobody can go back to it."""
    return WITHHELD in _texts(value)


def diff(differences: Iterable[Difference]) -> dict[str, dict[str, Any]]:
    """``before`` and ``after`` for Ansible's ``--diff``, by path, of differences that may be shown."""
    shown = list(differences)
    return {
        "before": {each.path: each.actual for each in shown if each.actual is not None},
        "after": {each.path: each.expected for each in shown if each.expected is not None},
    }


def environment(values: dict[str, str | None], safe: set[str], key: bytes) -> dict[str, str | None]:
    """Environment variables of one container as they may be shown; None, for absent, stays."""
    return {name: _open(value, key) if may_show(name, safe) else hidden(value, key) for name, value in values.items()}


def may_show(name: str, safe: set[str]) -> bool:
    """Whether the value of an environment variable may be shown: it is declared safe, and its name names no secret."""
    return name in safe and not names_secret(name)


def names_secret(name: str) -> bool:
    """Whether a variable is named like one that holds a secret: DB_PASSWORD, apiToken."""
    return bool(SECRET & {word.upper() for word in _WORD.findall(name)})


def hidden(value: Any, key: bytes) -> Any:
    """The stand-in for a value. None, numbers and truth values stay: in AWS's model no secret can be one."""
    if value is None or isinstance(value, (bool, int)):
        return value
    plain = json.dumps(value, sort_keys=True, default=str).encode()
    return HIDDEN + hmac.new(key, plain, hashlib.sha256).hexdigest()[:8]


def values_in(definition: dict[str, Any], shortest: int = 1) -> set[str]:
    """Texts that may hold a secret: what no message of AWS's and no log line may bring along.

    Of a task definition the values of environment variables that are not shorter than ``shortest``; of what else is
    hidden, the longer words, for a command is quoted in parts, and what is given to an option that is named like a
    secret. Of the arguments of UpdateService the log options. Each as it is and as it may be quoted.
    """
    whole = _texts(_hidden_options(definition.get("serviceConnectConfiguration") or {}))
    drivers = [each.get("dockerVolumeConfiguration") for each in definition.get("volumes") or []]
    partly = _texts([drivers, (definition.get("proxyConfiguration") or {}).get("properties")])
    for container in definition.get("containerDefinitions") or []:
        values = [str(each.get("value") or "") for each in container.get("environment") or []]
        rest = _texts([value for name, value in container.items() if name not in SHOWN_MEMBERS])
        whole += [*values, *_given(container)]
        partly += [*values, *_texts(_hidden_options(container)), *rest]
    whole += [part for each in partly for part in _parts(each)]
    words = {word for each in partly for word in _SEPARATOR.split(each) if len(word) > len("CMD-SHELL")}
    found = {quoted for each in {*whole, *words} - {"true", "false"} for quoted in _quoted(each)}
    return {each for each in found if len(each) >= shortest}


def without_user_info(value: str) -> str:
    """A text without user names, passwords and tokens in URLs."""
    return _USER_INFO.sub("hidden", value)


def _hidden_options(container: dict[str, Any]) -> dict[str, Any]:
    options = (container.get("logConfiguration") or {}).get("options") or {}
    return {name: value for name, value in options.items() if not re.fullmatch(_LOG_OPTION, name, re.VERBOSE)}


def _kept(path: str, value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _kept(f"{path}.{name}", each) for name, each in value.items()}
    return value if value is None or _OPEN.fullmatch(path) else WITHHELD


def _parts(value: str) -> list[str]:
    """User names and passwords of the URLs in a text."""
    return [part for found in _USER_INFO.finditer(value) for part in found[0].split(":", 1)]


def _given(container: dict[str, Any]) -> list[str]:
    """What a command line gives to options and variables that are named like a secret, however short it is."""
    lines = [" ".join(_texts(container.get(name))) for name in ("entryPoint", "command")]
    lines += _texts((container.get("healthCheck") or {}).get("command"))
    return [found[3] for line in lines for found in _GIVEN.finditer(line) if names_secret(found[1] or found[2])]


def _quoted(value: str) -> set[str]:
    """A value as it is, and as a structured log line, a URL and what :func:`text` has cleaned bring it."""
    escaped = {json.dumps(value, ensure_ascii=each)[1:-1] for each in (True, False)}
    return {value, *escaped, quote(value, safe=""), unquote(value), text(value)}


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for each in value.values() for text in _texts(each)]
    if isinstance(value, list):
        return [text for each in value for text in _texts(each)]
    return [value] if isinstance(value, str) else []


def arguments(given: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    """A module's arguments as callback plugins may see them: single values of its own, and where it is connected to.

    ``options`` is its argument spec. Structures may hold anything, so none is shown, and of URLs no user information,
    which is refused only later.
    """
    single = {name for name, option in options.items() if option.get("type") in SINGLE} | CONNECTION
    shown = {name: without_user_info(value) if isinstance(value, str) else value for name, value in given.items()}
    return {name: value if name in single else "hidden" for name, value in shown.items()}


def text(value: str) -> str:
    """A text from outside without what a terminal or a CI system would obey.

    Control and formatting characters go; workflow commands (``::error::``, ``##[...]``, ``##vso[...]``) are broken by
    a space.
    """
    if value.isascii() and value.isprintable() and not _COMMAND.search(value):
        return value
    clean = _ESCAPE.sub("", value).replace("\u2028", "\n").replace("\u2029", "\n")
    clean = "".join(each for each in clean if each in "\n\t" or unicodedata.category(each) not in ("Cc", "Cf", "Cs"))
    return _COMMAND.sub(lambda found: f"{found[0]} ", clean)


def texts(value: Any) -> Any:
    """A result whose texts are all clean, names included."""
    if isinstance(value, str):
        return text(value)
    if isinstance(value, dict):
        return {text(str(name)): texts(each) for name, each in value.items()}
    return [texts(each) for each in value] if isinstance(value, list) else value


def without(value: str, values: Iterable[str]) -> str:
    """A text of AWS's without these values, which it may quote. A short one counts as a whole word only."""
    for each in sorted((each for each in values if each and each in value), key=len, reverse=True):
        pattern = re.escape(each) if len(each) > LONGEST_WORD else rf"(?<!\w){re.escape(each)}(?!\w)"
        value = re.sub(pattern, "hidden", value)
    return text(value)


def _value(value: Any, path: str, safe: set[str], key: bytes) -> Any:
    if isinstance(value, dict):
        form = "{}[{}]" if isinstance(value, Named) else "{}.{}"
        return {text(name): _value(each, form.format(path, name), safe, key) for name, each in value.items()}
    variable = _VARIABLE.fullmatch(path)
    shows = may_show(variable[1], safe) if variable else bool(_OPEN.fullmatch(path))
    return _open(value, key) if shows else hidden(value, key)


def _open(value: Any, key: bytes) -> Any:
    """A value that may be shown, but for user names and passwords in URLs."""
    if isinstance(value, str):
        return text(_USER_INFO.sub(lambda found: hidden(found[0], key), value))
    if isinstance(value, dict):
        return {name: _open(each, key) for name, each in value.items()}
    return [_open(each, key) for each in value] if isinstance(value, list) else value
