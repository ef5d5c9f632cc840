"""Where the conformance tests run: a bed of their own, any endpoint that is given, or AWS itself.

  CONFORMANCE_ENDPOINT   none: a bed is started; "aws": AWS with the caller's credentials; else an endpoint's URL
  CONFORMANCE_SUBNETS    two subnets of different zones, with a comma between
  CONFORMANCE_VPC, CONFORMANCE_SECURITY_GROUP (lets ports 8080 to 8082 in)
  CONFORMANCE_IMAGE      answers {"instance": ...} on port 8080, with ?seconds=N so much later; test_ecs.py has the rest
  CONFORMANCE_ROLE       the tasks' execution role
  CONFORMANCE_BALANCER_ROLE  ECS's infrastructure role for load balancers, which shifts traffic
  CONFORMANCE_TARGET     whose known differences hold: aws, localstack; none: what the endpoint says it is

Everything made is called conf-RANDOM and deleted again. A test asserts only what AWS publishes. What a target other
than the bed is known to do otherwise stands in known_differences.yml: expected to fail there, and one that passes all
the same fails the run.
"""

import json
import os
import urllib.request
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
import yaml

from tests.conformance.deployed import Deployed
from tests.conformance.place import Place
from tests.testbed.beds import running

LISTED = Path(__file__).with_name("known_differences.yml")
MARKS = {
    "api": "errors, defaults, round trips",
    "rollout": "deployments run to their end",
    "traffic": "requests go through a load balancer",
    "fault": "needs the bed's own fault rules",
}


def pytest_configure(config: pytest.Config) -> None:
    for name, meaning in MARKS.items():
        config.addinivalue_line("markers", f"{name}: {meaning}")


def target() -> str:
    """Whose list of differences holds; the bed, however it is given, has none."""
    given = os.environ.get("CONFORMANCE_ENDPOINT", "bed")
    if given in ("aws", "bed"):
        return given
    with urllib.request.urlopen(f"{given}/_localstack/health", timeout=10) as answer:
        return "bed" if json.load(answer).get("edition") == "steady-bed" else "localstack"


def defined(item: pytest.Item) -> str:
    """The file that a test stands in; test_real_seconds.py imports some, and what holds for them holds there too."""
    assert isinstance(item, pytest.Function)
    return f"{item.function.__module__.rpartition('.')[2]}.py"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    known = yaml.safe_load(LISTED.read_text(encoding="utf-8")).get(os.environ.get("CONFORMANCE_TARGET") or target(), [])
    for item in (each for each in items if each.path.parent == LISTED.parent):
        name = f"{defined(item)}::{item.nodeid.rpartition('::')[2]}"
        for each in known:
            if any(fnmatchcase(name, pattern) for pattern in each["tests"]):
                reason = f"{each['lacks']} ({each['source']})"
                item.add_marker(pytest.mark.xfail(reason=reason, strict=True, run=each.get("run", True)))


@pytest.fixture(scope="session")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str | None]:
    given = os.environ.get("CONFORMANCE_ENDPOINT")
    if given:
        yield None if given == "aws" else given
        return
    with running(tmp_path_factory.mktemp("conformance"), "--scale", "0.05") as bed:
        yield bed.endpoint


@pytest.fixture(scope="module")
def place(endpoint: str | None) -> Iterator[Place]:
    found = Place(endpoint)
    yield found
    found.clean()


@pytest.fixture(scope="module")
def deployed(place: Place) -> Deployed:
    return Deployed(place)
