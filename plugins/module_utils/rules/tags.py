# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tags of a service as settings: what may be declared, and the calls that settle what differs.

Source: Amazon ECS API reference, Tag, TagResource and UntagResource; developer guide, "Tagging Amazon ECS resources".
"""

from __future__ import annotations

from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules.declaration import DeclarationError
from ansible_collections.steady.ecs.plugins.module_utils.rules.differences import Difference
from ansible_collections.steady.ecs.plugins.module_utils.rules.settings import TAGS, tag_key

Answer = dict[str, Any]

LONGEST_KEY, LONGEST_VALUE = 128, 256
MOST = 50
RESERVED = "aws:"


def declared(key: Any) -> str:
    """A key as it is declared. Raises DeclarationError for one that nobody but AWS may set."""
    if not isinstance(key, str) or not 0 < len(key) <= LONGEST_KEY:
        raise DeclarationError(f"{TAGS}: the key {key!r} must be text of 1 to {LONGEST_KEY} characters. Quote it.")
    if key.lower().startswith(RESERVED):
        raise DeclarationError(f"{TAGS}: keys that begin with {RESERVED} belong to AWS, and {key} does. Rename it.")
    return key


def refuse_contradictions(wanted: Answer, live: Answer) -> None:
    """Raise DeclarationError for tags that this service could not have."""
    named = wanted.get(TAGS)
    if not isinstance(named, dict):
        return
    long = sorted(str(key) for key, value in named.items() if isinstance(value, str) and len(value) > LONGEST_VALUE)
    if long:
        raise DeclarationError(f"{TAGS}: the value of {', '.join(long)} is longer than {LONGEST_VALUE} characters.")
    reserved = sorted(str(key) for key, value in named.items() if str(value or "").lower().startswith(RESERVED))
    if reserved:
        raise DeclarationError(
            f"{TAGS}: values that begin with {RESERVED} belong to AWS, and that of {', '.join(reserved)} does. Correct "
            "it."
        )
    if live and str(live.get("serviceArn", "")).count("/") < 2:  # case C62
        raise DeclarationError(
            f"The ARN of {live.get('serviceName')} has the old, short form, and such a service takes no tags. Leave "
            f"{TAGS} out, or create the service again: it gets a long one then."
        )
    now = {each["key"]: each.get("value", "") for each in live.get(TAGS) or []}
    then = {key for key, value in {**now, **named}.items() if value is not None and not key.startswith(RESERVED)}
    if len(then) > MOST:
        raise DeclarationError(f"{TAGS}: the service would have {len(then)} tags, and may have {MOST}.")


def request(differences: list[Difference]) -> tuple[list[dict[str, str]], list[str]]:
    """The tags that TagResource is to set, and the keys that UntagResource is to take away."""
    wanted = {key: each.expected for each in differences if (key := tag_key(each.path))}
    return (
        [{"key": key, "value": value} for key, value in wanted.items() if value is not None],
        [key for key, value in wanted.items() if value is None],
    )
