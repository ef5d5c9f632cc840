# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the operator's verbs have in common: when one refuses a whole inventory, and the outcome of one that failed."""

from __future__ import annotations

from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules import conclusion


def too_many(verb: str, hosts: list[str], meant: bool) -> str:
    """Why a verb that writes refuses to do so for all these services; empty when it may."""
    if meant or len(hosts) < 2:
        return ""
    return (
        f"This would {verb.replace('_', ' ')} {len(hosts)} services: {', '.join(hosts)}. Nothing was changed. Add "
        "--limit SERVICE, or -e deploy_many=true for all of them."
    )


def failed_as(msg: str, fields: dict[str, Any]) -> str:
    """The outcome of a verb that failed with this message and these fields.

    ``deployment_id`` and ``verdict`` as of the module deployment; ``release``: the number of its record, null when it
    failed before it had one, and so changed nothing.
    """
    opened = {"release": {"seq": fields["release"]}} if fields.get("release") is not None else {}
    failure = {"msg": msg, **fields}
    return conclusion.outcome(conclusion.Run(opened=opened, deployment=fields, failure=failure, stay=True))
