# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The one comparison: what plan, change, verification and drift all use.

The words are those of CloudFormation's drift detection (PropertyDifference in its API reference), read from the live
resource: ADD, the live resource has something that is not declared; REMOVE, it lacks something declared; NOT_EQUAL.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

ADD = "ADD"
REMOVE = "REMOVE"
NOT_EQUAL = "NOT_EQUAL"


@dataclass(frozen=True)
class Difference:
    """One property whose declared and live values disagree."""

    resource: str
    """What it belongs to, in AWS's name: ``task definition``, ``service``, ``target group NAME``."""
    path: str
    """Where in the resource: ``containerDefinitions[coral].environment[CORAL_SESSIONS]``."""
    expected: Any
    actual: Any

    @property
    def kind(self) -> str:
        """ADD, REMOVE or NOT_EQUAL."""
        if self.expected is None:
            return ADD
        return REMOVE if self.actual is None else NOT_EQUAL

    def as_dict(self) -> dict[str, Any]:
        """The form in results, records and drift.json."""
        return {
            "resource": self.resource,
            "path": self.path,
            "expected": self.expected,
            "actual": self.actual,
            "type": self.kind,
        }

    def as_text(self) -> str:
        """One line for people, as the change that would settle it: ``path: 3600 -> 86400``."""
        if self.kind == ADD:
            return f"{self.resource}: {self.path}: {_shown(self.actual)} -> removed"
        before = "not set" if self.actual is None else _shown(self.actual)
        return f"{self.resource}: {self.path}: {before} -> {_shown(self.expected)}"


def _shown(value: Any) -> str:
    return value if isinstance(value, str) and value else repr(value)
