"""Files for other programs: a run's outcome over its hosts, and a summary that somebody else wrote."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.edges import result_files
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure


def test_hosts_merge_their_outcomes_at_the_same_time(tmp_path: Path) -> None:
    path = tmp_path / "new" / "result.json"
    words = {"a": "proven", "b": "failed_rolled_back", "c": "unchanged", "d": "drifted"}

    def merge(host: str) -> None:
        result_files.merge_outcome(path, "deploy", host, {"outcome": words[host], "detail": "", "release": None})

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(merge, words))
    found = json.loads(path.read_text())
    assert found["outcome"] == "failed_rolled_back" and found["verb"] == "deploy"
    assert {host: entry["outcome"] for host, entry in found["hosts"].items()} == words


def test_a_broken_result_file_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    path.write_text('{"outcome": ')
    result_files.merge_outcome(path, "deploy", "web", {"outcome": "proven", "detail": "", "release": 1})
    assert json.loads(path.read_text())["outcome"] == "proven"


def test_another_run_begins_the_file_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "result.json"

    def merge(run: str, host: str, word: str) -> dict[str, Any]:
        monkeypatch.setenv(result_files.RUN, run)
        return result_files.merge_outcome(path, "deploy", host, {"outcome": word, "detail": "", "release": 1})

    path.write_text(json.dumps({"outcome": "error", "verb": "deploy", "hosts": {"old": {"outcome": "error"}}}))
    assert merge("one", "a", "failed")["outcome"] == "failed", "a file of before runs were told apart"
    assert set(merge("one", "b", "proven")["hosts"]) == {"a", "b"}
    found = merge("two", "b", "proven")
    assert (found["outcome"], set(found["hosts"])) == ("proven", {"b"})
    assert json.loads(path.read_text()) == found


def test_a_summary_must_be_an_object(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="no file"):
        result_files.summary_file(tmp_path / "none.json")
    (tmp_path / "list.json").write_text("[]")
    with pytest.raises(Failure, match="not a JSON object"):
        result_files.summary_file(tmp_path / "list.json")
