# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The ECS API below a real SDK client: it reads the bytes that are sent and answers bytes, and counts both.

So a test sees what leaves the machine, after the SDK has checked and serialised it.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import botocore.session
from ansible_collections.steady.ecs.plugins.module_utils.edges.aws import service_models
from ansible_collections.steady.ecs.plugins.module_utils.work import Task, perform
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.exceptions import ConnectionClosedError

from testbed.ecs.definitions import stored

Answer = dict[str, Any]
Fault = Callable[[], tuple[int, Answer]]

ACCOUNT = "arn:aws:ecs:us-east-1:111122223333:"


class Raw(io.BytesIO):
    def stream(self, **_options: Any) -> Iterator[bytes]:
        yield self.read()


def refusal(code: str, message: str = "") -> Fault:
    return lambda: (400, {"__type": code, "message": message})


class EcsApi:
    """Service ``web`` of cluster ``c1``, which runs revision 74 of family ``web``."""

    def __init__(self, request: Answer) -> None:
        self.revisions: dict[int, Answer] = {}
        self.tags: dict[int, list[Answer]] = {}
        self.calls: list[tuple[str, Answer]] = []
        self.faults: dict[str, list[Fault | None]] = {}
        self.lose_answers = 0
        """So many registrations are carried out and not answered."""
        self.lines: list[str] = []
        self.warnings: list[str] = []
        self.live = self.register(request, 74)
        self._client = self._new_client()

    # -- what a test tells it
    def register(self, request: Answer, number: int) -> int:
        name = request["family"]
        self.revisions[number] = {
            **stored(json.loads(json.dumps(request))),
            "taskDefinitionArn": f"{ACCOUNT}task-definition/{name}:{number}",
            "revision": number,
            "status": "ACTIVE",
            "registeredAt": 1764237600,
            "registeredBy": "arn:aws:iam::111122223333:user/ada",
        }
        self.tags[number] = request.get("tags", [])
        return number

    def fail(self, operation: str, *faults: Fault | None) -> None:
        self.faults.setdefault(operation, []).extend(faults)

    def sent(self, operation: str) -> list[Answer]:
        return [body for name, body in self.calls if name == operation]

    def run(self, module: Any, check_mode: bool = False, **params: Any) -> Answer:
        """Run a module with the defaults of its options."""
        defaults = {name: option.get("default") for name, option in module.SPEC.options.items()}
        task = Task(
            params={**defaults, "cluster": "c1", "service": "web", **params},
            connection=self,
            check_mode=check_mode,
            report=self.lines.append,
            warn=self.warnings.append,
        )
        return perform(task, module.run)

    # -- the connection and the wire
    def client(self, _service: str, _attempts: int) -> Any:
        return self._client

    def _new_client(self) -> Any:
        core = botocore.session.get_session()
        core.register_component("data_loader", service_models())
        keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x"}
        client = boto3.session.Session(botocore_session=core).client(
            "ecs", region_name="us-east-1", config=Config(retries={"total_max_attempts": 1}), **keys
        )
        client.meta.events.register("before-send.ecs", self._send)
        return client

    def _send(self, request: Any, **_rest: Any) -> AWSResponse:
        operation = request.headers["X-Amz-Target"].decode().rsplit(".", 1)[-1]
        body = json.loads(request.body)
        self.calls.append((operation, body))
        waiting = self.faults.get(operation)
        fault = waiting.pop(0) if waiting else None
        status, answer = fault() if fault else (200, getattr(self, f"_{operation}")(body))
        return AWSResponse(request.url, status, {}, Raw(json.dumps(answer).encode()))

    def _DescribeServices(self, body: Answer) -> Answer:
        service = {"serviceName": "web", "status": "ACTIVE", "taskDefinition": self._arn(self.live)}
        return {"services": [service] if "web" in body["services"] else [], "failures": []}

    def _ListServices(self, _body: Answer) -> Answer:
        return {"serviceArns": [f"{ACCOUNT}service/c1/web"]}

    def _DescribeTaskDefinition(self, body: Answer) -> Answer:
        number = int(body["taskDefinition"].rsplit(":", 1)[-1])
        return {"taskDefinition": self.revisions[number], "tags": self.tags[number]}

    def _ListTaskDefinitions(self, body: Answer) -> Answer:
        assert (body["familyPrefix"], body["sort"]) == ("web", "DESC")
        active = [number for number, each in self.revisions.items() if each["status"] == "ACTIVE"]
        return {"taskDefinitionArns": [self._arn(each) for each in sorted(active, reverse=True)]}

    def _RegisterTaskDefinition(self, body: Answer) -> Answer:
        number = self.register(body, max(self.revisions) + 1)
        if self.lose_answers:
            self.lose_answers -= 1
            raise ConnectionClosedError(endpoint_url="https://ecs.us-east-1.amazonaws.com")
        return {"taskDefinition": self.revisions[number], "tags": self.tags[number]}

    def _arn(self, number: int) -> str:
        return str(self.revisions[number]["taskDefinitionArn"])
