"""The first minute on another machine: what is missing is said in one sentence, and the next call tries again."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.e2e.conftest import copied


def steady(folder: Path, *arguments: str, **environment: str) -> tuple[int, str]:
    """./steady with nothing but what is given in its environment."""
    done = subprocess.run(
        ["/bin/sh", "./steady", *arguments],
        cwd=folder, env={"HOME": str(folder), **environment}, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """A checkout that was never set up."""
    folder = copied(tmp_path / "a checkout").path
    for name in (".venv", ".venv-bed"):
        (folder / name).unlink()
    return folder


@pytest.mark.walk
def test_a_failed_set_up_is_not_taken_for_done(fresh: Path) -> None:
    for _ in range(2):
        status, text = steady(
            fresh, "play", "--version", PATH=os.environ["PATH"], UV_DEFAULT_INDEX="http://127.0.0.1:1/simple"
        )
        assert status == 1
        assert "the same command tries again" in text
        assert not (fresh / ".venv").exists()


def test_no_python_is_one_sentence_that_names_what_is_wanted(fresh: Path, tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("sh", "dirname", "tr", "sed", "cat", "cksum", "basename", "mkdir", "rm", "uname", "env"):
        path = next(folder for folder in ("/bin", "/usr/bin") if os.path.exists(f"{folder}/{name}"))
        (tools / name).symlink_to(f"{path}/{name}")
    status, text = steady(fresh, "play", "--version", PATH=str(tools))
    assert status == 1
    assert "no Python 3.12 or newer was found" in text
    assert "python3-venv" in text


def test_broken_links_are_one_sentence(fresh: Path) -> None:
    for link in (fresh / "collections/ansible_collections/steady/ecs").iterdir():
        target = os.readlink(link)
        link.unlink()
        link.write_text(target)
    status, text = steady(fresh, "play", "--version", PATH=os.environ["PATH"])
    assert status == 1
    assert "links in collections/ are broken" in text


def test_another_system_than_linux_is_told_what_runs_there(fresh: Path, tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "uname").write_text("#!/bin/sh\necho Darwin\n")
    (tools / "uname").chmod(0o755)
    status, text = steady(fresh, "bed", "start", PATH=f"{tools}:{os.environ['PATH']}")
    assert (status, text) == (
        1,
        "steady: the bed runs on Linux only; the collection runs wherever Ansible does.\n",
    )
