# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""AWS's clock: a release window is judged by it, for the clock of whoever releases may be wrong."""

from __future__ import annotations

import datetime
import email.utils
from typing import Any


def of(answer: dict[str, Any]) -> datetime.datetime:
    """The time in the Date header of an answer, UTC; ours where it has none."""
    text = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
    try:
        return email.utils.parsedate_to_datetime(str(text)).astimezone(datetime.UTC)
    except ValueError:
        return datetime.datetime.now(datetime.UTC)
