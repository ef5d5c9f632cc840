"""Services: CreateService, UpdateService, DescribeServices, ListServices, DeleteService."""

from typing import Any

from ..strict import reads
from ..wire import AwsError, Params, page
from . import checks, limits, strategies
from .definitions import unrunnable
from .deployments import OF_THE_REVISION, Deployments
from .state import Cluster, Definition, Deployment, Service, counts, fargate

CONFIGURATION = tuple(
    f"deploymentConfiguration.{name}"
    for name in (
        *("deploymentCircuitBreaker", "maximumPercent", "minimumHealthyPercent", "alarms", "strategy"),
        *strategies.OWN,
    )
)
BALANCERS = tuple(
    f"loadBalancers.{name}" for name in ("targetGroupArn", "containerName", "containerPort", "advancedConfiguration")
)
COMMON = (
    *("cluster", "taskDefinition", "desiredCount", "networkConfiguration", "platformVersion"),
    *("healthCheckGracePeriodSeconds", "enableExecuteCommand", "enableECSManagedTags", "propagateTags"),
    *("availabilityZoneRebalancing", "volumeConfigurations", "serviceConnectConfiguration"),
    *CONFIGURATION,
    *BALANCERS,
)
STORED = (
    *OF_THE_REVISION,
    "healthCheckGracePeriodSeconds",
    "enableExecuteCommand",
    "enableECSManagedTags",
    "propagateTags",
    "availabilityZoneRebalancing",
)
OF_THE_DEPLOYMENT = ("volumeConfigurations", "serviceConnectConfiguration")  # API reference, Service and Deployment
DEFAULTS: Params = {
    "loadBalancers": [],
    "platformVersion": "LATEST",
    "enableExecuteCommand": False,
    "enableECSManagedTags": False,
    "propagateTags": "NONE",
}


class Services(Deployments):
    @reads(
        *("serviceName", "launchType", "schedulingStrategy", "deploymentController", "tags", "clientToken"),
        *COMMON,
    )
    def create_service(self, p: Params) -> Params:
        limits.words("CreateService", p)
        cluster = self.cluster(p.get("cluster"))
        arn = self.service_arn(cluster, p["serviceName"])
        old = self.services.get(arn)
        if old and old.status != "INACTIVE":
            if old.token and old.token == p.get("clientToken"):
                return {"service": self._service_view(old, ["TAGS"])}
            raise AwsError("InvalidParameterException", "Creation of service was not idempotent.")
        checks.only_what_the_bed_runs(p)
        controller, launch = p.get("deploymentController", {}).get("type", "ECS"), p.get("launchType", "EC2")
        settings = {**DEFAULTS, **{k: p[k] for k in STORED if k in p}}
        if launch == "EC2":
            del settings["platformVersion"]
        if controller == "EXTERNAL":
            return self._create_external(cluster, arn, p, settings)
        definition = self.definition(p["taskDefinition"], active=True)
        if settings["loadBalancers"]:
            settings.setdefault("healthCheckGracePeriodSeconds", 0)
        configuration = checks.configuration(checks.CONFIGURATION, p.get("deploymentConfiguration", {}), controller)
        settings.setdefault("availabilityZoneRebalancing", checks.rebalancing_of_a_new_one(configuration))
        self._check(definition, settings, configuration, launch)
        service = Service(
            arn=arn,
            name=p["serviceName"],
            cluster=cluster,
            definition=definition,
            desired=checks.desired_count(p.get("desiredCount")),
            configuration=configuration,
            settings=settings,
            launch=launch,
            controller=controller,
            token=p.get("clientToken"),
        )
        self.services[arn] = service
        self.tags[arn] = list(p.get("tags", []))
        self.begin_deployment(service)
        return {"service": self._service_view(service, ["TAGS"])}

    def _create_external(self, cluster: Cluster, arn: str, p: Params, settings: Params) -> Params:
        """Nothing runs until somebody makes a task set, which the bed does not (CreateService, taskDefinition: "A task
        definition must be specified if the service uses either the ECS or CODE_DEPLOY deployment controllers"; "you can
        specify only parameters that aren't controlled at the task set level")."""
        for name in ("taskDefinition", "launchType", "networkConfiguration", "loadBalancers", "platformVersion"):
            if p.get(name):
                raise checks.invalid(f"{name} cannot be specified for a service that uses an EXTERNAL controller.")
        nothing, count = Definition("", "", 0, {}), checks.desired_count(p.get("desiredCount", 0))
        configuration = checks.configuration(checks.CONFIGURATION, p.get("deploymentConfiguration", {}), "EXTERNAL")
        settings.setdefault("availabilityZoneRebalancing", checks.rebalancing_of_a_new_one(configuration))
        service = Service(
            arn, p["serviceName"], cluster, nothing, count, configuration, settings, launch="", controller="EXTERNAL"
        )
        self.services[arn], self.tags[arn] = service, list(p.get("tags", []))
        return {"service": self._service_view(service, ["TAGS"])}

    def _check(self, definition: Any, settings: Params, configuration: Params, launch: str) -> None:
        checks.network(definition, settings, launch)
        unrunnable(definition)
        checks.load_balancers(self.elbv2, settings["loadBalancers"], definition)
        strategies.check_balancers(self.elbv2, configuration, settings["loadBalancers"])
        checks.grace_period(settings)
        checks.rebalancing(settings, configuration)
        checks.volumes(definition, settings)
        checks.connect(definition, settings)

    @reads("service", "forceNewDeployment", *COMMON)
    def update_service(self, p: Params) -> Params:
        """A new deployment only for another task definition, network configuration, load balancers or platform
        version, or by force; not for desiredCount or the deployment configuration (API reference, UpdateService)."""
        service = self.service(p)
        if service.status != "ACTIVE":
            raise AwsError("ServiceNotActiveException", "Service was not ACTIVE.")
        checks.only_what_the_bed_runs({**p, "launchType": service.launch or "FARGATE"})
        if service.controller != "ECS":
            self._only_its_controller_deploys(service, p)
        definition = service.definition
        if "taskDefinition" in p:
            definition = self.definition(p["taskDefinition"], active=True)
        settings = {**service.settings, **{k: p[k] for k in STORED if k in p}}
        grace = p.get("healthCheckGracePeriodSeconds")
        checks.grace_period({**service.settings, "healthCheckGracePeriodSeconds": grace})
        if not settings["loadBalancers"] and "healthCheckGracePeriodSeconds" not in p:
            settings.pop("healthCheckGracePeriodSeconds", None)  # it goes with the last load balancer
        wanted = p.get("deploymentConfiguration", {})
        configuration = checks.configuration(service.configuration, wanted, service.controller)
        if service.deployments:
            self._check(definition, settings, configuration, service.launch)
        desired = checks.desired_count(p.get("desiredCount", service.desired))
        deploys = (
            p.get("forceNewDeployment", False)
            or definition is not service.definition
            or any(settings.get(k) != service.settings.get(k) for k in OF_THE_REVISION)
        )
        if deploys:
            self._movable(service, settings, configuration)
        service.definition, service.settings, service.configuration = definition, settings, configuration
        before = service.desired
        service.scale(desired)
        if deploys:
            self.begin_deployment(service, before)
        self.wake()
        return {"service": self._service_view(service, ["TAGS"])}

    @staticmethod
    def _only_its_controller_deploys(service: Service, p: Params) -> None:
        """API reference, UpdateService: what of such a service "can be updated using this API"."""
        names = {"taskDefinition": "task definition", "networkConfiguration": "network configuration"}
        names |= {"platformVersion": "platform version", "loadBalancers": "load balancers"}
        names |= {"volumeConfigurations": "volume configurations", "serviceConnectConfiguration": "service connect"}
        asked = [name for name in names if name in p] + ["taskDefinition"] * p.get("forceNewDeployment", False)
        for name in asked:
            what = f"Unable to update {names[name]} on services with"
            by = {"CODE_DEPLOY": " Use AWS CodeDeploy to trigger a new deployment."}.get(service.controller, "")
            raise checks.invalid(f"{what} a {service.controller} deployment controller.{by}")

    def _movable(self, service: Service, settings: Params, configuration: Params) -> None:
        """What AWS would do about a deployment of another kind under way is written down nowhere."""
        under_way = service.primary.rollout
        shifting = under_way is not None and under_way.finished is None and under_way.stages
        if shifting and not strategies.shifts(configuration):
            raise checks.not_done("a rolling deployment in the place of a blue/green one that is under way")
        source = service.last_completed.balancers if service.last_completed else []
        strategies.resolved(settings["loadBalancers"], source, configuration)

    @reads("cluster", "service", "force")
    def delete_service(self, p: Params) -> Params:
        service = self.service(p)
        if service.status == "INACTIVE":
            raise AwsError("ServiceNotFoundException", "Service not found.")
        if service.desired and not p.get("force"):
            raise AwsError("InvalidParameterException", "The service cannot be stopped while it is scaled above 0.")
        service.status, service.desired = "DRAINING", 0
        self.wake()
        return {"service": self._service_view(service, [])}

    @reads("cluster", "services", "include")
    def describe_services(self, p: Params) -> Params:
        if not p["services"]:
            raise AwsError("InvalidParameterException", "Services cannot be empty.")
        if len(p["services"]) > 10:
            raise AwsError("InvalidParameterException", "Services cannot be longer than 10.")
        cluster, found, failures = self.cluster(p.get("cluster")), [], []
        for reference in p["services"]:
            arn = self.service_arn(cluster, reference)
            if arn in self.services:
                found.append(self._service_view(self.services[arn], p.get("include", [])))
            else:
                failures.append(self.missing(arn))
        return {"services": found, "failures": failures}

    @reads("cluster", "launchType", "schedulingStrategy", "maxResults", "nextToken")
    def list_services(self, p: Params) -> Params:
        """Pages of 10 unless asked otherwise (API reference, ListServices)."""
        cluster = self.cluster(p.get("cluster"))
        ours = p.get("schedulingStrategy", "REPLICA") == "REPLICA"
        there = [s for s in self.services.values() if ours and s.cluster is cluster and s.status != "INACTIVE"]
        found = [s.arn for s in there if s.launch == p.get("launchType", s.launch)]
        items, token = page(found, p, 10, "maxResults", "nextToken")
        return {"serviceArns": items, "nextToken": token}

    def _service_view(self, service: Service, include: list[str]) -> Params:
        live = [t for t in self.tasks_of(service) if t.status != "STOPPED"]
        return {
            **{name: value for name, value in service.settings.items() if name not in OF_THE_DEPLOYMENT},
            **counts(live),
            "serviceArn": service.arn,
            "serviceName": service.name,
            "clusterArn": service.cluster.arn,
            "status": service.status,
            "desiredCount": service.desired,
            "taskDefinition": service.definition.arn or None,
            "deploymentConfiguration": service.configuration,
            # Of its controller alone (DeploymentController): with another there are task sets, and no deployments.
            "deployments": [
                self._deployment_view(service, d) for d in service.deployments if service.controller == "ECS"
            ],
            **(self._current(service) if service.controller == "ECS" and service.deployments else {}),
            "events": service.events,
            "serviceRegistries": [],
            "placementConstraints": [],
            "placementStrategy": [],
            **fargate(service),
            "platformVersion": service.settings.get("platformVersion"),
            "schedulingStrategy": "REPLICA",
            "deploymentController": {"type": service.controller},
            "createdAt": service.created,
            "createdBy": f"arn:aws:iam::{self.account}:root",
            "roleArn": f"arn:aws:iam::{self.account}:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS",
            "tags": self.tags[service.arn] if "TAGS" in include else None,
        }

    def _current(self, service: Service) -> Params:
        primary = service.primary
        rollout = primary.rolls_back or primary.rollout
        if rollout is None:  # a revision whose tasks were gone was brought back
            rollout = next((r for r in self.rollouts.values() if r.target.revision == primary.revision), None)
        found = [(d, self._counts_of(d)) for d in service.deployments]
        return {
            "currentServiceDeployment": rollout.arn if rollout else None,
            "currentServiceRevisions": [
                {
                    "arn": d.revision,
                    "requestedTaskCount": service.desired if d.status == "PRIMARY" else sum(n.values()),
                    "runningTaskCount": n["runningCount"],
                    "pendingTaskCount": n["pendingCount"],
                }
                for d, n in found
            ],
        }

    def _deployment_view(self, service: Service, deployment: Deployment) -> Params:
        found = self._counts_of(deployment)
        return {
            "id": deployment.id,
            "status": deployment.status,
            "taskDefinition": deployment.definition.arn,
            "desiredCount": service.desired if deployment.status == "PRIMARY" else sum(found.values()),
            **found,
            "failedTasks": deployment.failed,
            "createdAt": deployment.created,
            "updatedAt": deployment.updated,
            **fargate(service),
            "networkConfiguration": deployment.settings.get("networkConfiguration"),
            "volumeConfigurations": deployment.settings.get("volumeConfigurations", []),
            "serviceConnectConfiguration": deployment.settings.get("serviceConnectConfiguration"),
            "rolloutState": deployment.state,
            "rolloutStateReason": deployment.reason,
        }
