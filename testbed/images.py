"""Image name -> command: what a container registry and Docker are on AWS.

An image is named without tag and digest. `python` is the bed's own interpreter, started without site-packages
(-S -E -s): nine containers a task must start in a fraction of a second on two cores.
"""

import hashlib
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

DEFAULTS: dict[str, dict[str, Any]] = {
    "pardon/coral-server": {"command": ["python", "-m", "testbed.app.coral_server"]},
    "pardon/agent": {"command": ["python", "-m", "testbed.app.agent"]},
    "steady/echo": {"command": ["python", "-m", "testbed.app.echo"]},
}
CONTENT: dict[str, str] = {}
"""What an image was declared to be, by its name: its tags point to that content from then on. One bed a process."""
PYTHON = [sys.executable, "-S", "-E", "-s", "-u"]


class CannotPull(Exception):
    """The image has no command; the text is the one of ECS's stopped reason."""


@dataclass(frozen=True)
class Image:
    command: list[str]
    environment: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def declared(cls, given: Any) -> "Image":
        """From {"command": [...], "environment": {...}}. Raises ValueError with what is wrong."""
        if not isinstance(given, dict) or set(given) - {"command", "environment", "port", "digest"}:
            raise ValueError('want {"command": [...], "environment": {...}, "digest": "sha256:..."}')
        command, environment = given.get("command"), given.get("environment", {})
        if not isinstance(command, list) or not command or not all(isinstance(w, str) for w in command):
            raise ValueError("command must be a list of words")
        if not isinstance(environment, dict) or not all(isinstance(v, str) for v in environment.values()):
            raise ValueError("environment must map names to strings")
        if not str(given.get("digest", "sha256:")).startswith("sha256:"):
            raise ValueError("digest must be one as a registry gives it: sha256:...")
        return cls(PYTHON + command[1:] if command[0] == "python" else list(command), environment)


def split(image: str) -> tuple[str, str]:
    """("repository", "tag") of an image reference; the tag is "latest" when there is none, or the digest."""
    name, _, digest = image.partition("@")
    head, slash, tail = name.rpartition("/")
    repository, _, tag = tail.partition(":")
    return head + slash + repository, digest or tag or "latest"


def digest(image: str) -> str:
    """What a registry would answer for the tag now: the declared digest, or one that follows from name, tag and the
    declared content. An image that is declared anew is another one behind the same tag (case C68)."""
    repository, tag = split(image)
    content = CONTENT.get(repository, "")
    if tag.startswith("sha256:") or content.startswith("sha256:"):
        return tag if tag.startswith("sha256:") else content
    return f"sha256:{hashlib.sha256(f'{repository}:{tag}{content}'.encode()).hexdigest()}"


class Images:
    def __init__(self) -> None:
        self._known: dict[str, Image] = {}
        self.reset()

    def reset(self) -> None:
        self._known = {name: Image.declared(given) for name, given in DEFAULTS.items()}
        CONTENT.clear()

    def declare(self, name: str, given: Any) -> None:
        self._known[name] = Image.declared(given)
        CONTENT[name] = given.get("digest") or json.dumps(given, sort_keys=True)

    def find(self, image: str) -> Image:
        """Raises CannotPull for an unknown name, as a registry would refuse it."""
        repository, _ = split(image)
        if repository not in self._known:
            raise CannotPull(
                "CannotPullContainerError: pull image manifest has been retried 1 time(s): "
                f"failed to resolve ref {image}: not found"
            )
        return self._known[repository]
