"""Where the conformance tests run: a bed of their own, any endpoint that is given, or AWS itself.

  CONFORMANCE_ENDPOINT   none: a bed is started; "aws": AWS with the caller's credentials; else an endpoint's URL
  CONFORMANCE_SUBNETS    two subnets of different zones, with a comma between
  CONFORMANCE_VPC, CONFORMANCE_SECURITY_GROUP, CONFORMANCE_IMAGE (answers {"instance": ...} on port 8080)
  CONFORMANCE_ROLE       the tasks' execution role

Everything made is called conf-RANDOM and deleted again. A test asserts only what AWS publishes.
"""

import os
from collections.abc import Iterator

import pytest

from tests.conformance.place import Place
from tests.testbed.beds import running

MARKS = {
    "api": "errors, defaults, round trips",
    "rollout": "deployments run to their end",
    "traffic": "requests go through a load balancer",
    "fault": "needs the bed's own fault rules",
}


def pytest_configure(config: pytest.Config) -> None:
    for name, meaning in MARKS.items():
        config.addinivalue_line("markers", f"{name}: {meaning}")


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
