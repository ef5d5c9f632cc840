# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The files of an operator's project: read, and written only where nothing would be lost."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.steady.ecs.plugins.module_utils.work import Failure


def existing(folder: Path, name: str) -> str | None:
    """Content of a file, or None when there is none."""
    try:
        return (folder / name).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as problem:
        raise Failure(f"{folder / name} cannot be read: {type(problem).__name__}.", reason="unreadable") from None


def write(folder: Path, contents: dict[str, str]) -> None:
    """Create the files; folders are made. A file that came up in between is never overwritten."""
    for name, content in contents.items():
        path = folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(path, "x", encoding="utf-8") as file:
                file.write(content)
        except OSError as problem:
            raise Failure(f"{path} cannot be written: {problem.strerror}.", reason="unwritable") from None


def replace(path: Path, content: str) -> None:
    """Put new content into a file of ours: all of it or, if that cannot be, none."""
    beside = path.with_name(f"{path.name}.new")
    try:
        beside.write_text(content, encoding="utf-8")
        beside.replace(path)
    except OSError as problem:
        raise Failure(f"{path} cannot be written: {problem.strerror}.", reason="unwritable") from None
