"""One of everything that the table of errors names, in each state; nothing runs there for longer than it must."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from functools import cached_property
from typing import Any

from tests.conformance.pairs import Pair, hook
from tests.conformance.place import DIMENSION, FARGATE, PORT, Json, Place, during, until
from tests.conformance.stacks import Stack

NO_HOOK = "ecs-pause-x"


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
        self.idle, busy, deleted = (self._service() for _ in range(3))
        self.over = self._newest(self.idle)
        self.nowhere = f"{self.over[:-16]}{'0' * 16}"
        self.ecs.delete_service(cluster=self.name, service=deleted)
        until(lambda: self._described(deleted)["status"] == "INACTIVE", place.patience)
        going_back = self._begun(self._service(self._unrunnable()))  # and onto what cannot run either
        self.ecs.stop_service_deployment(serviceDeploymentArn=going_back)
        until(lambda: self._status(going_back) == "ROLLBACK_IN_PROGRESS", place.patience)
        self._services = {"missing": self.gone, "INACTIVE": deleted}
        self._services |= {f"of {each}": self._controlled(each) for each in ("CODE_DEPLOY", "EXTERNAL")}
        self._deployments = {"missing": self.nowhere, "finished": self.over}
        self._deployments |= {"IN_PROGRESS": self._begun(busy), "ROLLBACK_IN_PROGRESS": going_back}
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

    def _made(self, **more: Any) -> str:
        """A service of no tasks."""
        name = self.place.name()
        self.ecs.create_service(**{"cluster": self.name, "serviceName": name, "desiredCount": 0, **more})
        self.place.remove_service(self.name, name)
        return name

    def _launched(self, **more: Any) -> str:
        launch = {"launchType": "FARGATE", "networkConfiguration": self.place.network}
        return self._made(**{"taskDefinition": self.revision, **launch, **more})

    def _controlled(self, controller: str) -> str:
        """By CodeDeploy, or by who makes task sets: then it has neither a revision nor a place to run."""
        by: Json = {"deploymentController": {"type": controller}}
        if controller == "EXTERNAL":
            return self._made(**by)
        self.place.listener(self.place.balancer(), {"Type": "forward", "TargetGroupArn": self.group})
        behind = {"targetGroupArn": self.group, "containerName": "app", "containerPort": PORT}
        return self._launched(loadBalancers=[behind], **by)

    def _service(self, revision: str = "") -> str:
        """One whose first deployment is over."""
        name = self._launched(taskDefinition=revision or self.revision)
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

    # -- what is in a state -------------------------------------------------------------------------------------------

    def definition_in(self, state: str, call: Callable[[str], Any]) -> Any:
        return call(self._removed.get(state) or f"{self.revision.rpartition(':')[0]}:9999")

    def service_in(self, state: str, call: Callable[[str], Any]) -> Any:
        """`call` gets its name."""
        if state != "DRAINING":
            return call(self._services[state])

        def drains(name: str) -> bool:
            return bool(self._described(name)["status"] == "DRAINING")

        return during(self._draining, call, drains, self.place.patience)

    def _draining(self) -> str:
        """Until its task has stopped."""
        name = self._launched(desiredCount=1)
        until(lambda: self._described(name)["runningCount"], self.place.patience)
        self.ecs.delete_service(cluster=self.name, service=name, force=True)
        return name

    def deployment_in(self, state: str, call: Callable[[str, str], Any]) -> Any:
        """`call` gets its ARN and the id of a hook, which waits or is nobody's."""
        if state == "waiting at a hook":
            return self._at_a_hook(call)
        if state != "CLEAN_UP":
            return call(self._deployments[state], NO_HOOK)
        return during(self._cleaning, lambda arn: call(arn, NO_HOOK), self._cleans, self.place.patience)

    @cached_property
    def pair(self) -> Pair:
        return Pair(self.place)

    def _at_a_hook(self, call: Callable[[str, str], Any]) -> Any:
        arn = self.pair.begin(lifecycleHooks=[hook("PRE_SCALE_UP")], bakeTimeInMinutes=0)
        waits = self.pair.waiting(arn)["hookId"]
        try:
            return call(arn, waits)
        finally:
            with contextlib.suppress(self.ecs.exceptions.InvalidParameterException):  # it has been answered
                self.ecs.continue_service_deployment(serviceDeploymentArn=arn, hookId=waits, action="ROLLBACK")
            self.pair.ended(arn)

    def _cleaning(self) -> str:
        self.pair.ended(self.pair.newest()["serviceDeploymentArn"])
        arn = self.pair.begin(bakeTimeInMinutes=0)
        until(lambda: self._cleans(arn) or self._status(arn) == "SUCCESSFUL", self.place.patience, every=0.01)
        return arn

    def _cleans(self, arn: str) -> bool:
        found = self.pair.described(arn)
        return (found["lifecycleStage"], found["status"]) == ("CLEAN_UP", "IN_PROGRESS")

    @cached_property
    def stack(self) -> Stack:
        return Stack(self.place)

    def stack_in(self, state: str, call: Callable[[str], Any]) -> Any:
        """`call` gets its name."""
        if state == "UPDATE_IN_PROGRESS":
            return self.stack.while_updating(call)
        return call(self.gone if state == "missing" else Stack(self.place, status=state).name)

    def change_set_in(self, state: str, call: Callable[[str, str], Any]) -> Any:
        return self.stack.change_set_in(state, call)

    # -- the calls of the table --------------------------------------------------------------------------------------

    def service_arn(self, name: str) -> str:
        """The ARN of a service of this cluster, whether there is one or not."""
        return f"{self.nowhere.partition('service-deployment/')[0]}service/{self.name}/{name}"

    def tag_service(self, name: str) -> Any:
        return self.ecs.tag_resource(resourceArn=self.service_arn(name), tags=[{"key": "a", "value": "b"}])

    def untag_service(self, name: str, key: str) -> Any:
        return self.ecs.untag_resource(resourceArn=self.service_arn(name), tagKeys=[key])

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

    def count(self, controller: str) -> Json:
        return self.update(service=self._services[f"of {controller}"], desiredCount=0)

    def register_target(self, name: str, **more: Any) -> Any:
        wanted = {"ResourceId": f"service/{self.name}/{name}", "MinCapacity": 0, "MaxCapacity": 1, **more}
        return self.place.scaling.register_scalable_target(**DIMENSION, **wanted)

    def change(self, **more: Any) -> Any:
        """A change set that changes nothing."""
        asked = {"StackName": self.stack.name, "ChangeSetName": self.place.name(), **more}
        return self.place.stacks.create_change_set(**{"UsePreviousTemplate": "TemplateBody" not in asked, **asked})

    def change_twice(self) -> Any:
        """Under one name."""
        name = self.place.name()
        self.change(ChangeSetName=name)
        return self.change(ChangeSetName=name)

    def change_of_rights(self) -> Any:
        """Without saying so."""
        template = self.stack.template()
        template["Resources"]["Role"] = {"Type": "AWS::IAM::Role", "Properties": {}}
        return self.change(TemplateBody=json.dumps(template))

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
