"""A service on the bed with a store of its own: what a plan happens to, and how it looks afterwards."""

from __future__ import annotations

import contextlib
import json
import time
import uuid
from pathlib import Path
from typing import Any

from tests.faults.plays.front import Front
from tests.testbed.beds import BREAKER, NETWORK, ROLE, Bed, until

CLUSTER = "sweep"
CANARY = "canary-5f1d"
"""Begins every secret value that a plan's service has or declares."""
KEY = "player"
"""Access key of the plays: in the bed's log and for its faults they are told from everybody else."""
SETTLED = 60.0  # seconds until ECS has come to rest, on a busy machine
BROKEN = range(2, 8)
"""Revisions that are ill when a failing release is wanted: whichever number a disturbed run registers."""
RELEASE: dict[str, Any] = {
    "target_group_attributes": {"stickiness.enabled": True, "stickiness.lb_cookie.duration_seconds": 7200},
    "rollout_settings": {"healthCheckGracePeriodSeconds": 30},
    "rollout_changes": {
        "containers": {"app": {"environment": {"VERSION": "2", "TOKEN": None, "PASSWORD": f"{CANARY}-declared"}}}
    },
}
"""A new revision, an attribute and a setting: everything that a release can change."""


class Place:
    """One service: revision 1 is live, its target group has AWS's own attributes."""

    def __init__(self, bed: Bed, folder: Path, store: str | None = None, count: int = 1) -> None:
        """`store` as `release_store` takes it; the default is a folder inside `folder`."""
        self.bed, self.folder, self.declared = bed, folder, RELEASE
        self.front: Front | None = None
        self.cluster = CLUSTER
        self.name = f"plan-{uuid.uuid4().hex[:10]}"
        self.place = folder / self.name
        self.place.mkdir(parents=True)
        self.store = store or str(self.place / "store")
        self.ecs, self.elb = bed.client("ecs"), bed.client("elbv2")
        self.ecs.create_cluster(clusterName=CLUSTER)
        bed.make_roles("task")
        self.group = self._group()
        self.definition = self._register()
        self._create(count)
        self.rest()

    # -- what is there -------------------------------------------------------------------------------------------------

    def service(self) -> dict[str, Any]:
        """The service as ECS answers it."""
        found: dict[str, Any] = self.ecs.describe_services(cluster=self.cluster, services=[self.name])["services"][0]
        return found

    def rest(self) -> None:
        """Wait until ECS has nothing under way."""

        def at_rest() -> bool:
            deployments = self.service()["deployments"]
            return len(deployments) == 1 and deployments[0]["rolloutState"] == "COMPLETED"

        until(at_rest, SETTLED, lambda: self.service()["deployments"])

    def attributes(self) -> dict[str, str]:
        """All attributes of the target group."""
        found = self.elb.describe_target_group_attributes(TargetGroupArn=self.group)["Attributes"]
        return {each["Key"]: each["Value"] for each in found}

    def revisions(self) -> int:
        """How many revisions the family has."""
        return len(self.ecs.list_task_definitions(familyPrefix=self.name)["taskDefinitionArns"])

    def deployments(self) -> int:
        """How many service deployments there ever were."""
        asked: dict[str, Any] = {"cluster": self.cluster, "service": self.name, "maxResults": 100}
        found, more = 0, "first"
        while more:
            page = self.ecs.list_service_deployments(**asked)
            found, more = found + len(page["serviceDeployments"]), page.get("nextToken", "")
            asked["nextToken"] = more
        return found

    def state(self) -> dict[str, Any]:
        """What a release decides, without the names that differ from plan to plan."""
        service = self.service()
        return {
            "revision": int(service["taskDefinition"].rpartition(":")[2]),
            "settings": {
                "healthCheckGracePeriodSeconds": service.get("healthCheckGracePeriodSeconds"),
                "deploymentConfiguration": service["deploymentConfiguration"],
            },
            "desired": service["desiredCount"],
            "attributes": self.attributes(),
            "revisions": self.revisions(),
        }

    # -- the store -----------------------------------------------------------------------------------------------------

    def documents(self) -> dict[str, bytes]:
        """Every document of the store by its name below the service's place: head.json, releases/00000001.json."""
        if self.store.startswith("s3://"):
            bucket, _, prefix = self.store.removeprefix("s3://").partition("/")
            s3 = self.bed.client("s3")
            listed = s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
            keys = [each["Key"] for each in listed if f"/{self.name}/" in each["Key"]]
            return {
                key.partition(f"/{self.name}/")[2]: s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys
            }
        found = [path for path in Path(self.store).rglob("*") if path.is_file()]
        return {str(path).partition(f"/{self.cluster}/{self.name}/")[2]: path.read_bytes() for path in found}

    def write(self, name: str, data: bytes) -> None:
        """Put a document there, by the name that `documents` gives it."""
        below = f"000000000000/us-east-1/{self.cluster}/{self.name}/{name}"
        if self.store.startswith("s3://"):
            bucket, _, prefix = self.store.removeprefix("s3://").partition("/")
            self.bed.client("s3").put_object(Bucket=bucket, Key=f"{prefix}/{below}", Body=data)
            return
        path = Path(self.store) / below
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.write_bytes(data)

    def head(self) -> dict[str, Any]:
        """head.json; empty when there is none."""
        found: dict[str, Any] = json.loads(self.documents().get("head.json", b"{}"))
        return found

    def records(self) -> list[dict[str, Any]]:
        """The records, oldest first."""
        return [json.loads(data) for name, data in sorted(self.documents().items()) if name.startswith("releases/")]

    @property
    def reports(self) -> Path:
        """Folder of the reports of its runs."""
        return self.place / "report"

    # -- what is declared ----------------------------------------------------------------------------------------------

    def inventory(self, **declared: Any) -> str:
        """The path of an inventory with this one service; `declared` are variables over the usual ones."""
        known = {
            "service_account": "000000000000",
            "service_region": "us-east-1",
            "service_endpoint_url": self.bed.endpoint,
            "service_access_key": KEY,
            "service_secret_key": "emulator-secret",
            "service_cluster": self.cluster,
            "service_name": self.name,
            "release_store": self.store,
            "ansible_python_interpreter": "{{ ansible_playbook_python }}",
            "report_folder": str(self.reports),
            "rollout_wait_delay": 15,
            "rollout_stable_seconds": 0,
        }
        path = self.place / f"inventory-{time.monotonic_ns()}.json"
        path.write_text(json.dumps({"all": {"hosts": {self.name: {**known, **declared}}}}), encoding="utf-8")
        return str(path)

    def ill(self) -> None:
        """Whatever is registered from now on fails its health checks.

        It takes the grace period for each of three tasks until ECS goes back, as on AWS much longer than a lost answer
        is waited for: what crashes at once is over, on a bed in such haste, before a run could look.
        """
        status, answer = self.bed.admin("PUT", "/_bed/health", {f"{self.name}:{n}": "unhealthy" for n in BROKEN})
        assert status == 200, answer

    def unproven(self) -> None:
        """Whatever is released from now on is well for ECS, and its endpoint is not: only a verification finds out."""
        first = self.service()["taskDefinition"]
        self.front = Front(lambda: self.service()["taskDefinition"] == first)
        self.declared = {**self.declared, "health_endpoints": [self.front.url], "health_wait_timeout": 40}

    # -- making and ending it ------------------------------------------------------------------------------------------

    def _group(self) -> str:
        made = self.elb.create_target_group(
            Name=self.name, Protocol="HTTP", Port=80, VpcId="vpc-1", TargetType="ip", HealthCheckPath="/",
            HealthCheckIntervalSeconds=5, HealthCheckTimeoutSeconds=2,
            HealthyThresholdCount=2, UnhealthyThresholdCount=2,
        )  # fmt: skip
        group = str(made["TargetGroups"][0]["TargetGroupArn"])
        balancer = self.elb.create_load_balancer(Name=self.name, Subnets=["subnet-1", "subnet-2"])["LoadBalancers"][0]
        self.balancer = balancer["LoadBalancerArn"]
        actions = [{"Type": "forward", "TargetGroupArn": group}]
        self.elb.create_listener(LoadBalancerArn=self.balancer, Protocol="HTTP", Port=8080, DefaultActions=actions)
        return group

    def _register(self) -> str:
        environment = [{"name": "VERSION", "value": "1"}, {"name": "TOKEN", "value": f"{CANARY}-live"}]
        container = {
            "name": "app",
            "image": "steady/echo:v1",
            "portMappings": [{"containerPort": 80}],
            "environment": environment,
        }
        made = self.ecs.register_task_definition(
            family=self.name, networkMode="awsvpc", requiresCompatibilities=["FARGATE"], cpu="256", memory="512",
            executionRoleArn=ROLE, containerDefinitions=[container],
        )  # fmt: skip
        return str(made["taskDefinition"]["taskDefinitionArn"])

    def _create(self, count: int) -> None:
        self.ecs.create_service(
            cluster=CLUSTER, serviceName=self.name, taskDefinition=self.definition, desiredCount=count,
            launchType="FARGATE", networkConfiguration=NETWORK, deploymentConfiguration=BREAKER,
            healthCheckGracePeriodSeconds=60,
            loadBalancers=[{"targetGroupArn": self.group, "containerName": "app", "containerPort": 80}],
        )  # fmt: skip

    def remove(self) -> None:
        """Take the service away, so that the bed has no more to do for it."""
        self.close()
        with contextlib.suppress(self.ecs.exceptions.ServiceNotFoundException):  # a test has deleted it
            self.ecs.delete_service(cluster=self.cluster, service=self.name, force=True)
        self.elb.delete_load_balancer(LoadBalancerArn=self.balancer)

    def close(self) -> None:
        """End what answers for the application."""
        if self.front:
            self.front.close()
