# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An operator's project as files: what ``init`` writes down of a running service."""

from __future__ import annotations

import re
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules import service as service_rules
from ansible_collections.steady.ecs.plugins.module_utils.rules import target_group
from ansible_collections.steady.ecs.plugins.module_utils.rules.groups import ATTRIBUTES_OF
from ansible_collections.steady.ecs.plugins.module_utils.rules.records import Identity

try:
    import yaml

    HAS_YAML = True
except ImportError:
    HAS_YAML = False

Answer = dict[str, Any]

ANSIBLE_CFG = """\
[defaults]
inventory = inventories/main
callbacks_enabled = steady.ecs.warm, steady.ecs.last_word
duplicate_dict_key = error

[inventory]
host_pattern_mismatch = error
unparsed_is_failed = true
"""
REQUIREMENTS = """\
---
collections:
  - name: steady.ecs
    version: ">=0.1.0"
"""
TO_CHANGE = """
# What you may want to change next (https://docs.aws.amazon.com/AmazonECS/latest/APIReference has all names):
# rollout_images: {web: registry.example.com/web@sha256:...}
# rollout_changes: {containers: {web: {environment: {FEATURE: "on", OLD_NAME: null}}}} # null removes
# rollout_safe_environment: [FEATURE] # values that may be shown; all others are hidden
# health_endpoints: [https://example.com/health]
# health_desired_count: 3 # where nothing else moves the count: any other is a failed verification
# health_task_identity: {request: /health, header: X-Instance} # where an answer names its task
"""
GROUP_VARS = """\
---
ansible_python_interpreter: "{{ ansible_playbook_python }}"
"""
ALWAYS = ("deregistration_delay.timeout_seconds", "stickiness.enabled")
"""Attributes that are worth declaring even at AWS's default: a release depends on them."""
HEAD = "# One host is one ECS service.\n"


def declaration(
    live: Answer,
    definition: Answer,
    groups: list[tuple[Answer, dict[str, str]]],
    defaults: dict[str, str],
    url: str,
) -> Answer:
    """What a running service declares about itself, as host variables.

    ``groups``: each target group with its attributes. ``defaults``: AWS's attribute defaults. Nothing of a container's
    environment, image or command is written down: a value may be a secret, and what nobody declares stays as it is.
    """
    found: Answer = {
        "service_cluster": live["clusterArn"].rsplit("/", 1)[-1],
        "service_name": live["serviceName"],
        "service_url": url,
    }
    if len(groups) == 1:
        found["target_group_name"] = groups[0][0]["TargetGroupName"]
        found["target_group_attributes"] = _attributes(groups[0][1], defaults)
    elif groups:
        found[ATTRIBUTES_OF] = {each["TargetGroupName"]: _attributes(given, defaults) for each, given in groups}
    found["rollout_settings"] = service_rules.declared_from(live)
    found["health_containers"] = [
        each["name"] for each in definition["containerDefinitions"] if each.get("essential", True)
    ]
    if url:
        found["health_endpoints"] = [url]
    return found


def files(name: str, account: str, region: str, endpoint_url: str | None, declared: Answer) -> dict[str, str]:
    """Path to content. Raises ValueError when a name cannot be part of a path."""
    problem = Identity(account, region, declared["service_cluster"], declared["service_name"]).problem()
    if problem or not re.fullmatch(r"[A-Za-z0-9_-]{1,255}", name):
        raise ValueError(problem or f"{name!r} cannot be a host name")
    where: Answer = {"service_account": account, "service_region": region}
    if endpoint_url:
        where["service_endpoint_url"] = endpoint_url
    head = f"# Written by steady.ecs.init from the running service {declared['service_name']}.\n"
    return {
        "ansible.cfg": ANSIBLE_CFG,
        "requirements.yml": REQUIREMENTS,
        "inventories/main/hosts.yml": _yaml({"all": {"hosts": {name: None}}}, HEAD),
        "inventories/main/group_vars/all.yml": GROUP_VARS,
        f"inventories/main/host_vars/{name}.yml": _yaml({**where, **declared}, head) + TO_CHANGE,
    }


def with_host(existing: str, name: str) -> str:
    """The text of a hosts.yml with one more host; a host that is there already needs no change.

    Raises ValueError when it is not as we wrote it: written anew, it would lose a person's comments.
    """
    try:
        content = yaml.safe_load(existing)
    except yaml.YAMLError:
        raise ValueError("inventories/main/hosts.yml is not plain YAML") from None
    above = content.get("all") if isinstance(content, dict) else None
    hosts = above.get("hosts") if isinstance(above, dict) else None
    if not isinstance(above, dict) or not isinstance(hosts, dict):
        raise ValueError("inventories/main/hosts.yml has no mapping all.hosts")
    if name in hosts:
        return existing
    if existing != _yaml(content, HEAD):
        raise ValueError("inventories/main/hosts.yml was edited by hand")
    return _yaml({**content, "all": {**above, "hosts": {**hosts, name: None}}}, HEAD)


def _attributes(live: dict[str, str], defaults: dict[str, str]) -> Answer:
    """What a target group declares about itself."""
    wanted = set(ALWAYS)
    if live.get("stickiness.enabled") == "true":
        wanted |= {target_group.TYPE, f"stickiness.{live.get(target_group.TYPE)}.duration_seconds"}
    if live.get(target_group.TYPE) == "app_cookie":
        wanted.add(target_group.COOKIE_NAME)  # has no default, and AWS takes that type only together with it
    return {
        key: value if key == target_group.COOKIE_NAME else _written(value)
        for key, value in sorted(live.items())
        if key in wanted or value != defaults.get(key, value)
    }


def _written(value: str) -> Any:
    """An attribute as people write it."""
    if value in ("true", "false"):
        return value == "true"
    return int(value) if value.isdigit() else value


def _yaml(content: Answer, head: str) -> str:
    return f"---\n{head}{yaml.safe_dump(content, sort_keys=False, width=120)}"
