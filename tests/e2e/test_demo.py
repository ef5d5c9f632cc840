"""What a newcomer sees: the demo, and the commands that it names."""

from __future__ import annotations

import re

import pytest

from tests.e2e.conftest import Checkout


def commands_below(text: str, heading: str) -> list[str]:
    """The indented commands below a heading, as printed."""
    return [line.strip() for line in text.split(heading, 1)[1].splitlines() if line.startswith("  ./steady ")]


@pytest.mark.walk
def test_the_demo_shows_a_release_and_its_commands_work(checkout: Checkout) -> None:
    demo = checkout.run("./steady", "demo")
    assert demo.status == 0, demo.text
    for part in (
        "3600 -> 86400",
        "environment[CORAL_SESSIONS]: pool-0,pool-1,pool-2,pool-3,pool-4 -> removed",
        "outcome: proven: pardon-production-service runs pardon-simulator:75, 3/3 healthy",
        "CORAL_SESSIONS absent",
        "stickiness.lb_cookie.duration_seconds=86400",
    ):
        assert part in demo.text
    served = re.search(r"(\d+) requests.*?(\d+) failed", demo.text)
    assert served, demo.text[-2000:]
    assert int(served[1]) > 100
    assert int(served[2]) == 0
    assert checkout.revision() == "pardon-simulator:75"

    report = next((checkout.path / ".state/releases").rglob("reports/00000002/report.md")).read_text(encoding="utf-8")
    assert re.search(r"requests[^\n]*\d+", report, re.IGNORECASE)
    assert "HealthCheckStatus" not in report

    commands = commands_below(demo.text, "Go on from here")
    assert [command.split()[-1] for command in commands] == ["verify.yml", "drift", "rollback.yml", "stop"]
    for command in commands[:-1]:
        done = checkout.run(*command.split())
        assert done.status == 0, done.text
    assert checkout.revision() == "pardon-simulator:74"
    assert checkout.stickiness() == "3600"
    assert checkout.run(*commands[-1].split()).status == 0
    assert not (checkout.path / ".state/bed.json").exists()
