# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A record is a call to the bucket: what is asked of the newest releases reads no old ones, however many there are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.edges.documents import Records
from ansible_collections.steady.ecs.plugins.module_utils.rules import (
    counts,
    named_release,
    release,
    restore,
    states,
    status,
)

from tests.unit.modules.records_of import Kept

NEWEST = 12
Asked = Callable[[Any, Any, Any], object]
ASKED: dict[str, Asked] = {
    "scales": lambda head, records, _live: states.scales(head, records),
    "state_of": lambda head, records, _live: states.state_of(records[head["current"]], records),
    "unsettled": lambda head, records, _live: release.unsettled(head, records),
    "explained": lambda head, records, live: release.explained(head["current"], records, live),
    "fixed": lambda head, records, live: counts.fixed(records[head["current"]], records, live),
    "failed_since": lambda head, records, _live: restore.failed_since(records[head["current"]], records),
    "command": lambda head, records, _live: restore.command("rollback.yml", records[head["current"]], {}, records),
    "named": lambda head, records, _live: named_release.find(records, str(head["current"])),
    "status": lambda head, records, live: [
        status.at_work(head, records),
        status.proof(status.last_proven(records), records, live),
    ],
}


@pytest.mark.parametrize("asked", ASKED)
def test_what_is_asked_of_the_newest_release_reads_no_other(tmp_path: Path, asked: str) -> None:
    kept, read = Kept(tmp_path), list[int]()
    for number in range(2, NEWEST + 1):
        kept.released(number)
    head = kept.store.head()
    assert head["current"] == NEWEST

    def reading(seq: int) -> Any:
        read.append(seq)
        return kept.store.record(seq)

    ASKED[asked](head, Records(reading, kept.store.numbers, "here"), kept.live)
    assert set(read) <= {NEWEST}
