"""The bed's own paths: /_bed/* to steer it, /_localstack/health for tools that wait for LocalStack."""

import json
from collections.abc import Callable
from typing import Any

from . import VERSION
from .ecs.strategies import ANSWERS
from .server import Bed, unsupported
from .slots import Record
from .wire import Params

Handler = Callable[[Any], Any]
SERVICES = (
    *("application-autoscaling", "cloudformation", "cloudwatch", "dynamodb", "ec2", "ecr", "ecs", "elbv2", "iam"),
    *("logs", "s3", "secretsmanager", "ssm", "sts"),
)


class Admin:
    def __init__(self, bed: Bed, record: Record) -> None:
        self.bed, self.record = bed, record
        self.routes: dict[str, dict[str, Handler]] = {
            "/_localstack/health": {"GET": self._health},
            "/_bed/calls": {"GET": lambda _: bed.faults.calls(), "DELETE": self._forget_calls},
            "/_bed/faults": {
                "GET": lambda _: bed.faults.rules,
                "PUT": self._set_faults,
                "DELETE": lambda _: self._set_faults([]),
            },
            "/_bed/buckets": {"PUT": self._buckets, "DELETE": lambda _: self._buckets({"scale": None})},
            "/_bed/clock": {"PUT": self._clock},
            "/_bed/iam": {"PUT": lambda given: bed.access.iam.set(given), "DELETE": lambda _: bed.access.iam.set({})},
            "/_bed/families": {"PUT": self._families},
            "/_bed/images": {"PUT": self._images},
            "/_bed/layers": {"PUT": self._layers},
            "/_bed/processes": {"PUT": self._processes},
            "/_bed/stacks": {"PUT": self._stacks},
            "/_bed/tags": {"PUT": self._tags},
            "/_bed/hooks": {"PUT": self._hooks},
            "/_bed/url": {"PUT": self._url},
            "/_bed/health": {"PUT": self._declare},
            "/_bed/unsupported": {"GET": lambda _: unsupported()},
            "/_bed/reset": {"POST": self._reset},
        }

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        """(HTTP status, JSON) of one request."""
        route = self.routes.get(path)
        if route is None:
            return 404, _json({"message": f"no {path} here", "paths": sorted(self.routes)})
        if method not in route:
            return 405, _json({"message": f"{path} takes {', '.join(route)}"})
        try:
            return 200, _json(route[method](json.loads(body) if body else None))
        except ValueError as e:
            return 400, _json({"message": str(e)})

    def _health(self, _: Any) -> Params:
        return {"services": dict.fromkeys(SERVICES, "running"), "edition": "steady-bed", "version": VERSION}

    def _forget_calls(self, _: Any) -> Params:
        self.bed.faults.forget_calls()
        return {}

    def _set_faults(self, rules: Any) -> Any:
        self.bed.faults.set_rules(rules)
        return self.bed.faults.rules

    def _buckets(self, given: Any) -> Params:
        scale = _object(given).get("scale", self.bed.scale)
        if scale is not None and not (isinstance(scale, (int, float)) and scale > 0):
            raise ValueError('want {"scale": SECONDS}: how long a second of refill takes; without it the bed\'s scale')
        self.bed.buckets.switch(scale)
        return {"scale": scale}

    def _clock(self, given: Any) -> Params:
        ahead = _object(given).get("ahead")
        if not isinstance(ahead, (int, float)):
            raise ValueError("want {\"ahead\": SECONDS}: how far AWS's clock is ahead of this machine's")
        self.bed.clock.ahead = float(ahead)
        return {"ahead": ahead}

    def _families(self, given: Any) -> Params:
        for family, count in _object(given).items():
            if not isinstance(count, int) or count < 0:
                raise ValueError(f"{family}: want the number of its latest revision")
        with self.bed.lock:
            taken = {d.family: d.revision for r in self.bed.regions.values() for d in r.ecs.definitions.values()}
            for family, count in given.items():
                if count < taken.get(family, 0):
                    raise ValueError(f"{family} has revisions up to {taken[family]} already")
            self.bed.families.update(given)
            return dict(self.bed.families)

    def _images(self, given: Any) -> Params:
        for name, image in _object(given).items():
            self.bed.images.declare(name, image)
        return {}

    def _layers(self, given: Any) -> Params:
        """What ECR gives away at the URL of a layer, by its digest."""
        self.bed.layers.update({digest: json.dumps(content).encode() for digest, content in _object(given).items()})
        return {}

    def _processes(self, given: Any) -> Params:
        return {name: self.bed.start_helper(name, process) for name, process in _object(given).items()}

    def _stacks(self, given: Any) -> Params:
        """Stacks of CloudFormation that have made target groups, by name."""
        for name, stack in _object(given).items():
            arns = [str(arn) for arn in _object(_object(stack).get("groups")).values()]
            region = arns[0].split(":")[3] if arns and arns[0].count(":") > 3 else "us-east-1"
            with self.bed.lock:
                if not set(arns) <= set(self.bed.region(region).elbv2.groups):
                    raise ValueError(f"{name}: want the ARNs of target groups that exist, of one Region")
                self.bed.region(region).stacks.declare(name, stack)
        return {}

    def _tags(self, given: Any) -> Params:
        """Tags of load balancing's resources that AWS's own services put there: aws:*, which nobody else can set."""
        for arn, tags in _object(given).items():
            if arn.count(":") < 5 or not all(str(key).startswith("aws:") for key in _object(tags)):
                raise ValueError(f"{arn}: want an ARN, and tags that begin with aws:")
            with self.bed.lock:
                self.bed.region(arn.split(":")[3]).elbv2.tags.setdefault(arn, {}).update(tags)
        return {}

    def _hooks(self, given: Any) -> Params:
        """What the functions of lifecycle hooks say from now on."""
        for arn, word in _object(given).items():
            if arn.count(":") < 6 or word not in ANSWERS:
                raise ValueError(f"{arn}: want the ARN of a function, and one of {', '.join(ANSWERS)}")
            with self.bed.lock:
                self.bed.region(arn.split(":")[3]).ecs.hooks[arn] = word
        return {}

    def _url(self, given: Any) -> Params:
        url = _object(given).get("url")
        if url is not None and not isinstance(url, str):
            raise ValueError('want {"url": "http://..."} or {"url": null}')
        self.record.url = url
        self.record.write()
        return self.record.view()

    def _declare(self, given: Any) -> Params:
        if self.bed.declared is None:
            raise ValueError("health is declared with --engine none; here processes answer for themselves")
        return dict(self.bed.declared.declare(given))

    def _reset(self, _: Any) -> Params:
        self.bed.reset()
        self.record.url = None
        self.record.write()
        return {}


def _object(given: Any) -> Params:
    if not isinstance(given, dict):
        raise ValueError("want a JSON object")
    return given


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()
