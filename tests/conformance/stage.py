"""One of everything that the table of errors names, in each state; nothing runs there for longer than it must."""

from __future__ import annotations

from typing import Any

from tests.conformance.place import PORT, Json, Place, until

FARGATE = {"networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512"}


class Stage:
    def __init__(self, place: Place) -> None:
        self.place, self.ecs, self.elb = place, place.ecs, place.elb
        self.name, self.gone, self.group = place.name(), f"{place.name()}-gone", place.group()
        own = self.group.partition(":targetgroup/")[0]  # of this account and Region
        self.no_group = f"{own}:targetgroup/gone/0123456789abcdef"
        self.no_balancer = f"{own}:loadbalancer/app/gone/0123456789abcdef"
        self.no_listener = f"{own}:listener/app/gone/0123456789abcdef/0123456789abcdef"
        self.no_rule = f"{own}:listener-rule/app/gone/0123456789abcdef/0123456789abcdef/0123456789abcdef"
        self.revision = str(self.register()["taskDefinitionArn"])
        self._removed = {each: self._deregistered() for each in ("INACTIVE", "DELETE_IN_PROGRESS")}
        self.ecs.delete_task_definitions(taskDefinitions=[self._removed["DELETE_IN_PROGRESS"]])
        place.cluster(self.name)
        self.idle, self.busy, self.deleted = (self._service() for _ in range(3))
        self.over = self._newest(self.idle)
        self.nowhere = f"{self.over[:-16]}{'0' * 16}"
        self.ecs.delete_service(cluster=self.name, service=self.deleted)
        until(lambda: self._described(self.deleted)["status"] == "INACTIVE", place.patience)
        self.under_way = self._begun(self.busy)
        self.going_back = self._begun(self._service(self._unrunnable()))  # and onto what cannot run either
        self.ecs.stop_service_deployment(serviceDeploymentArn=self.going_back)
        until(lambda: self._status(self.going_back) == "ROLLBACK_IN_PROGRESS", place.patience)
        self.stopped = self._ran()

    # -- making it ---------------------------------------------------------------------------------------------------

    def register(self, image: str | None = None, **more: Any) -> Json:
        container = {"name": "app", "image": image or self.place.image, "portMappings": [{"containerPort": PORT}]}
        body = {"family": self.name, "executionRoleArn": self.place.role, "containerDefinitions": [container]}
        return dict(self.ecs.register_task_definition(**{**body, **FARGATE, **more})["taskDefinition"])

    def registered(self, **of_the_container: Any) -> Json:
        return self.register(containerDefinitions=[{"name": "app", "image": self.place.image, **of_the_container}])

    def _deregistered(self) -> str:
        arn = str(self.register()["taskDefinitionArn"])
        self.ecs.deregister_task_definition(taskDefinition=arn)
        return arn

    def _unrunnable(self) -> str:
        """A revision whose image does not exist."""
        return str(self.register(f"conformance/{self.gone}:v1")["taskDefinitionArn"])

    def _service(self, revision: str = "") -> str:
        """A service of no tasks whose first deployment is over."""
        name = self.place.name()
        self.ecs.create_service(
            cluster=self.name,
            serviceName=name,
            taskDefinition=revision or self.revision,
            desiredCount=0,
            launchType="FARGATE",
            networkConfiguration=self.place.network,
        )
        self.place.remove_service(self.name, name)
        until(lambda: self._described(name)["deployments"][0]["rolloutState"] == "COMPLETED", self.place.patience)
        return name

    def _described(self, name: str) -> Json:
        return dict(self.ecs.describe_services(cluster=self.name, services=[name])["services"][0])

    def _newest(self, name: str) -> str:
        listed = self.ecs.list_service_deployments(cluster=self.name, service=name)["serviceDeployments"]
        return str(listed[0]["serviceDeploymentArn"])

    def _status(self, arn: str) -> str:
        return str(self.rollouts(arn)["serviceDeployments"][0]["status"])

    def _begun(self, name: str) -> str:
        """A deployment that neither ends nor gives up: its tasks cannot start, and nobody counts."""
        self.update(service=name, taskDefinition=self._unrunnable(), desiredCount=1)
        return self._newest(name)

    def _ran(self) -> str:
        arn = str(self.run()["tasks"][0]["taskArn"])
        self.ecs.stop_task(cluster=self.name, task=arn)
        until(lambda: self.tasks(arn)["tasks"][0]["lastStatus"] == "STOPPED", self.place.patience)
        return arn

    # -- the calls of the table --------------------------------------------------------------------------------------

    def definition_in(self, state: str) -> str:
        return self._removed.get(state) or f"{self.revision.rpartition(':')[0]}:9999"

    def deregister_definition(self, arn: str) -> Any:
        return self.ecs.deregister_task_definition(taskDefinition=arn)

    def describe_definition(self, arn: str) -> Any:
        return self.ecs.describe_task_definition(taskDefinition=arn)

    def run_definition(self, arn: str) -> Any:
        return self.run(taskDefinition=arn)

    def update_definition(self, arn: str) -> Any:
        return self.update(taskDefinition=arn)

    def service_arn(self, name: str) -> str:
        """The ARN of a service of this cluster, whether there is one or not."""
        return f"{self.nowhere.partition('service-deployment/')[0]}service/{self.name}/{name}"

    def tag_service(self, name: str) -> Any:
        return self.ecs.tag_resource(resourceArn=self.service_arn(name), tags=[{"key": "a", "value": "b"}])

    def tag_definition(self, arn: str, *tags: Json) -> Any:
        return self.ecs.tag_resource(resourceArn=arn, tags=list(tags) or [{"key": "team", "value": "a"}])

    def tag(self, key: str, value: str = "") -> Any:
        return self.tag_definition(self.revision, {"key": key, "value": value})

    def run(self, **more: Any) -> Json:
        body = {"cluster": self.name, "taskDefinition": self.revision, "launchType": "FARGATE"}
        return dict(self.ecs.run_task(**{**body, "networkConfiguration": self.place.network, **more}))

    def run_twice(self) -> Json:
        """The same token with other parameters; the one task is stopped again."""
        token = self.place.name()
        arn = self.run(clientToken=token)["tasks"][0]["taskArn"]
        self.ecs.stop_task(cluster=self.name, task=arn)
        return self.run(clientToken=token, startedBy="another")

    def update(self, **more: Any) -> Json:
        return dict(self.ecs.update_service(**{"cluster": self.name, "service": self.idle, **more}))

    def tasks(self, *arns: str) -> Json:
        return dict(self.ecs.describe_tasks(cluster=self.name, tasks=list(arns)))

    def instances(self, *names: str, **more: Any) -> Json:
        return dict(
            self.ecs.describe_container_instances(**{"cluster": self.name, "containerInstances": names, **more})
        )

    def rollouts(self, *arns: str) -> Json:
        return dict(self.ecs.describe_service_deployments(serviceDeploymentArns=list(arns)))

    def health(self, port: int) -> Json:
        return dict(
            self.elb.describe_target_health(TargetGroupArn=self.group, Targets=[{"Id": "10.0.0.9", "Port": port}])
        )

    def tags(self, arn: str) -> Any:
        return self.elb.describe_tags(ResourceArns=[arn])

    def attribute(self, group: str, seconds: str = "60") -> Any:
        return self.place.modify(group, stickiness__lb_cookie__duration_seconds=seconds)

    def excluding(self) -> Any:
        algorithm = {"load_balancing__algorithm__type": "least_outstanding_requests"}
        return self.place.modify(self.group, slow_start__duration_seconds="30", **algorithm)
