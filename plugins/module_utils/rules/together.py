# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Settings that mean something only together: what a declared value takes along although nobody names it.

A plan shows it, UpdateService is told of it, and the way back brings it back. Records keep what was declared alone.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules import connect, settings, strategies

_OF_CONNECT = ("namespace", "services", "logConfiguration", "accessLogConfiguration")


def taken_along(declared: dict[str, Any]) -> dict[str, Any]:
    """Declared settings with null for what goes with them: what the given strategy does not have, and what Service
    Connect says once it is switched off (case C60)."""
    found = dict(declared)
    given = declared.get(strategies.CONFIGURATION)
    if isinstance(given, dict) and "strategy" in given:
        found[strategies.CONFIGURATION] = {**given, **_gone(given)}
    given = declared.get(connect.NAME)
    if isinstance(given, dict) and "enabled" in given and connect.is_off(given["enabled"]):
        found[connect.NAME] = {**dict.fromkeys(_OF_CONNECT), **given}
    return found


def switch(path: str) -> str:
    """The setting that takes along the one at a path."""
    return f"{connect.NAME}.enabled" if path.startswith(connect.NAME) else f"{strategies.CONFIGURATION}.strategy"


def _gone(given: dict[str, Any]) -> dict[str, Any]:
    """The members that a given strategy does not have, null where nothing is said of them; AWS may have filled in what
    nobody declared."""
    found: dict[str, Any] = {}
    for name, those in strategies.OWN.items():
        if strategies.of(given) in those:
            continue
        above = f"{strategies.CONFIGURATION}.{name}."
        inner = [path.removeprefix(above) for path in settings.SETTINGS if path.startswith(above)]
        said = given.get(name)
        found[name] = {**dict.fromkeys(inner), **said} if inner and isinstance(said, dict) else said
    return found
