"""Which emulator the scenarios use: the one AWS_ENDPOINT_URL names, or a bed of their own.

    python emulator.py start|stop

A licensed LocalStack is used by setting AWS_ENDPOINT_URL; what it cannot do stands in known_differences.yml.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STATE = Path(os.environ.get("STEADY_MOLECULE_STATE", ROOT / ".state/molecule"))
BED = [str(ROOT / ".venv-bed/bin/python"), "-m", "testbed"]


def given() -> str | None:
    """The endpoint that the environment names; an answer on /_localstack/health is required of it."""
    url = os.environ.get("AWS_ENDPOINT_URL")
    if not url:
        return None
    try:
        with urllib.request.urlopen(f"{url}/_localstack/health", timeout=5) as answer:
            json.load(answer)
    except (OSError, ValueError):
        sys.exit(f"AWS_ENDPOINT_URL is {url}, but no emulator answers there: start it, or unset the variable.")
    return url


def endpoint() -> str:
    """Where the scenarios find AWS."""
    named = os.environ.get("AWS_ENDPOINT_URL")
    return named or str(json.loads((STATE / "bed.json").read_text(encoding="utf-8"))["endpoint"])


def main() -> None:
    """Start or stop, and say which."""
    if given():
        sys.stdout.write(f"using {given()}\n")
        return
    options = ["--scale", "0.1"] if sys.argv[1] == "start" else []
    subprocess.run([*BED, sys.argv[1], "--state", str(STATE), *options], cwd=ROOT, check=True)
    sys.stdout.write({"start": "started\n", "stop": "stopped\n"}[sys.argv[1]])


if __name__ == "__main__":
    main()
