# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The built collection, and an operator who has nothing but it: no checkout, a home and a folder of their own."""

from __future__ import annotations

import os
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.e2e.conftest import Checkout, Run, copied

ROOT = Path(__file__).parents[2]


@dataclass
class Operator:
    """A person with Ansible, an empty home, an empty folder, and the keys of an account in the environment."""

    home: Path
    endpoint: str = ""

    @property
    def folder(self) -> Path:
        """Where the person's project is."""
        return self.home / "ops"

    @property
    def installed(self) -> Path:
        """Where ansible-galaxy puts the collection by itself."""
        return self.home / ".ansible/collections/ansible_collections/steady/ecs"

    def environment(self) -> dict[str, str]:
        """What a person's shell has: no variable of Ansible's, and of a checkout only Ansible's commands."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("ANSIBLE_", "AWS_", "CI", "PYTHON", "XDG_", "STEADY_"))
        }
        keys = {"AWS_ACCESS_KEY_ID": "emulator", "AWS_SECRET_ACCESS_KEY": "emulator-secret"}
        path = f"{ROOT}/.venv/bin:{os.environ['PATH']}"
        return {**kept, **keys, "HOME": str(self.home), "PATH": path, "AWS_ENDPOINT_URL": self.endpoint}

    def run(self, *command: str) -> Run:
        """Run a command in the person's folder to its end."""
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment(), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300, check=False,
        )  # fmt: skip
        return Run(done.returncode, done.stdout)

    def variables(self, host: str) -> Path:
        """The file in which the person declares a service."""
        return self.folder / f"inventories/main/host_vars/{host}.yml"

    def declare(self, host: str, attribute: str, value: object) -> None:
        """Change one target-group attribute, as a person does in an editor."""
        path = self.variables(host)
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        content["target_group_attributes"][attribute] = value
        path.write_text(yaml.safe_dump(content), encoding="utf-8")


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that `ansible-galaxy collection build` makes of this checkout."""
    folder = tmp_path_factory.mktemp("built")
    command = [f"{ROOT}/.venv/bin/ansible-galaxy", "collection", "build", "--output-path", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (found,) = folder.iterdir()
    return found


@pytest.fixture(scope="session")
def packed(archive: Path) -> list[tarfile.TarInfo]:
    """What is in it."""
    with tarfile.open(archive) as opened:
        return opened.getmembers()


@pytest.fixture(scope="session")
def operator(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Operator:
    """An operator who has installed the collection from the file; amazon.aws came with Ansible."""
    found = Operator(tmp_path_factory.mktemp("home"))
    found.folder.mkdir()
    done = found.run("ansible-galaxy", "collection", "install", str(archive), "--offline")
    assert done.status == 0, done.text
    return found


@pytest.fixture(scope="session")
def production(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """A bed that runs the production service as it was before the deployment; nothing else of it is used."""
    found = copied(tmp_path_factory.mktemp("bed") / "steady")
    try:
        found.prepare()
        yield found
    finally:
        assert found.run("./steady", "bed", "stop").status == 0
