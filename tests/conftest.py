"""For all tests: a started process can be interrupted, and none is taken for a build machine, wherever they run.

A shell without job control starts background jobs with SIGINT ignored, and what is ignored stays so in every child. CI
makes the product refuse a store that nobody named; the tests of that refusal set it themselves. A property is about
what comes out, not about how long a busy machine takes for it; the daily tests try the same values each time, so that
what they say is about a change, and `./steady test long` others by chance.
"""

import os
import signal

import pytest
from hypothesis import settings

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
os.environ.pop("CI", None)
settings.register_profile("any machine", deadline=None, derandomize=True)
settings.register_profile("by chance", deadline=None)
settings.load_profile("any machine")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--machine-seconds", type=float, default=60, help="how long tests/testbed/test_machine.py goes on")
