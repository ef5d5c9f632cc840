"""The sweep's bookkeeping: shards that add up, results that survive a kill, a summary that says how to repeat."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults import ledger as ledgers
from tests.faults import sweep
from tests.faults.ledger import Ledger, Shard

KIND = ["--kind", "plays", "--results"]
NAMES = [f"files/deploy/call-{number}/reset" for number in range(1, 60)]


@pytest.fixture(autouse=True)
def one_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever edits a file meanwhile does not make it other code."""
    monkeypatch.setattr(ledgers, "code", lambda patterns: f"code of {patterns}")


def test_the_shards_of_a_sweep_are_all_of_it_and_none_is_in_two() -> None:
    parts = [set(Shard(number, 4).of(NAMES)) for number in range(1, 5)]
    assert set.union(*parts) == set(NAMES)
    assert sum(len(part) for part in parts) == len(NAMES)
    assert all(part == set(Shard(number, 4, seed=9).of(NAMES)) for number, part in enumerate(parts, 1))
    assert Shard(1, 1, seed=1).of(NAMES) != Shard(1, 1, seed=2).of(NAMES), "the seed decides about the order"
    assert Shard(1, 1, seed=1).of(NAMES[:20]) == [n for n in Shard(1, 1, seed=1).of(NAMES) if n in NAMES[:20]]


@pytest.mark.parametrize("text", ["0/2", "3/2", "2", "a/b", "1/2/3"])
def test_a_shard_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        Shard.parse(text, 1)


def test_a_line_cut_off_by_a_kill_is_no_result(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "results.jsonl")
    ledger.add("plays", "a", [], 1.0)
    with ledger.place.open("a", encoding="utf-8") as file:
        file.write('{"kind": "plays", "plan": "b", "en')
    assert ledger.done("plays") == {"a"}


def test_results_of_other_code_are_not_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Ledger(tmp_path / "results.jsonl").add("plays", "a", ["a defect since mended"], 1.0)
    monkeypatch.setattr(ledgers, "code", lambda patterns: "of another day")
    assert Ledger(tmp_path / "results.jsonl").done("plays") == set()


def test_results_of_policies_are_those_of_these_policies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in ("plays", "iam"):
        Ledger(tmp_path / "results.jsonl").add(kind, "a", [], 1.0)
    edited = "docs/iam/*.json"
    monkeypatch.setattr(ledgers, "code", lambda patterns: f"code of {patterns}{' edited' * (edited in patterns)}")
    assert [Ledger(tmp_path / "results.jsonl").done(kind) for kind in ("plays", "iam")] == [{"a"}, set()]


def sweeping(monkeypatch: pytest.MonkeyPatch, verdicts: dict[str, list[str]]) -> list[str]:
    """Have `./steady sweep` know these plans only; the list that is answered fills with those that ran."""
    ran: list[str] = []

    @contextmanager
    def kind() -> Iterator[tuple[list[str], sweep.Run]]:
        def run(name: str) -> tuple[list[str], bool, str]:
            ran.append(name)
            return verdicts[name], True, "what it printed"

        yield list(verdicts), run

    monkeypatch.setattr(sweep, "KINDS", {"plays": kind})
    return ran


def test_a_sweep_goes_on_where_it_stopped_and_names_each_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ran = sweeping(monkeypatch, {"a": [], "b": ["deployments: expected 1, found 2"], "c": []})
    results = tmp_path / "results.jsonl"
    Ledger(results).add("plays", "a", [], 1.0)
    assert sweep.main([*KIND, str(results)]) == 1
    assert sorted(ran) == ["b", "c"]
    said = capsys.readouterr().out
    assert "plays: 3 plans, 2 held, 1 failed" in said
    assert "./steady sweep --kind plays --plan b" in said
    assert (tmp_path / "failed/b.txt").read_text() == "what it printed"
    lines = [json.loads(line) for line in results.read_text().splitlines()]
    assert all({"plan", "end", "ok", "seconds"} <= line.keys() for line in lines)

    ran = sweeping(monkeypatch, {"a": [], "b": [], "c": []})
    assert sweep.main([*KIND, str(results)]) == 1, "what failed stays failed until it is repeated"
    assert ran == []
    assert sweep.main([*KIND, str(results), "--plan", "b"]) == 0
    assert ran == ["b"]
