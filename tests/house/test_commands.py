"""The commands of the repository, as a shell runs them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
MOLECULE = """#!/bin/sh
cp -r "$MOLECULE_EPHEMERAL_DIRECTORY" "$FOUND" 2>/dev/null
echo "$MOLECULE_EPHEMERAL_DIRECTORY"
"""


def test_no_earlier_run_and_no_other_checkout_tells_molecule_what_is_there(tmp_path: Path) -> None:
    """It remembers by the checkout's name alone that the emulator was started."""
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/run.sh").write_bytes((ROOT / "tests/run.sh").read_bytes())
    (tmp_path / "molecule").write_text(MOLECULE)
    (tmp_path / "molecule").chmod(0o755)
    told = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "FOUND": str(tmp_path / "found")}
    told.pop("MOLECULE_EPHEMERAL_DIRECTORY", None)
    command = ["sh", "tests/run.sh", "molecule"]
    ran = [subprocess.run(command, cwd=tmp_path, env=told, check=True, capture_output=True, text=True)]
    folder = Path(ran[0].stdout.strip())
    assert folder.is_relative_to(tmp_path)
    folder.mkdir(parents=True)
    (folder / "state.yml").write_text("created: true\n")
    subprocess.run(command, cwd=tmp_path, env=told, check=True, capture_output=True)
    assert not (tmp_path / "found").exists()
