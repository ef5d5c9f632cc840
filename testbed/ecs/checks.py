"""What CreateService and UpdateService refuse.

Sources: API reference, CreateService and its types; "Use load balancing to distribute Amazon ECS service traffic",
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-load-balancing.html
"""

from typing import Any

from ..wire import AwsError, Params
from . import strategies
from .state import Definition

CONFIGURATION: Params = {
    "deploymentCircuitBreaker": {"enable": False, "rollback": False},
    "maximumPercent": 200,
    "minimumHealthyPercent": 100,
    "strategy": "ROLLING",
}


def invalid(message: str) -> AwsError:
    return AwsError("InvalidParameterException", message)


def not_done(what: str) -> AwsError:
    return AwsError("InvalidAction", f"The test bed does not implement {what}")


def only_what_the_bed_runs(p: Params) -> None:
    """Values of known parameters that the bed refuses by name: other controllers, launch types."""
    platform(p)
    if p.get("schedulingStrategy", "REPLICA") != "REPLICA":
        raise not_done(f"the scheduling strategy {p['schedulingStrategy']}")


def platform(p: Params) -> None:
    """https://docs.aws.amazon.com/AmazonECS/latest/developerguide/platform-fargate.html"""
    launch = p.get("launchType", "EC2")
    if launch not in ("EC2", "FARGATE"):
        raise not_done(f"the launch type {launch}")
    if launch == "EC2" and "platformVersion" in p:
        raise invalid("The platform version must be null when specifying an EC2 launch type.")
    if p.get("platformVersion", "LATEST") not in ("LATEST", "1.3.0", "1.4.0"):
        raise AwsError("PlatformUnknownException", "The specified platform does not exist.")


def network(definition: Definition, settings: Params, launch: str) -> None:
    body = definition.body
    if launch not in (body.get("requiresCompatibilities") or body["compatibilities"]):
        raise invalid(f"Task definition does not support launch_type {launch}.")
    if body.get("networkMode") != "awsvpc":
        if "networkConfiguration" in settings:
            raise invalid("Network Configuration is not valid for the given networkMode of this task definition.")
        return
    if "networkConfiguration" not in settings:
        raise invalid("Network Configuration must be provided when networkMode 'awsvpc' is specified.")
    if not settings["networkConfiguration"].get("awsvpcConfiguration", {}).get("subnets"):
        raise invalid("subnets can not be empty.")


def desired_count(value: Any) -> int:
    if value is None or not 0 <= value <= 5000:
        raise invalid("desiredCount must be between 0 and 5000.")
    return int(value)


def grace_period(settings: Params) -> None:
    seconds = settings.get("healthCheckGracePeriodSeconds")
    if seconds is not None and not settings.get("loadBalancers"):
        raise invalid("Health check grace period is only valid for services configured to use load balancers")
    if seconds is not None and not 0 <= seconds <= 2147483647:
        raise invalid("healthCheckGracePeriodSeconds must be between 0 and 2147483647.")


def rebalancing_of_a_new_one(configuration: Params) -> str:
    """ENABLED "when no value is specified" (API reference, CreateService), where the service can have it."""
    return "ENABLED" if configuration["maximumPercent"] > 100 else "DISABLED"


def rebalancing(settings: Params, configuration: Params) -> None:
    """Services that "use 100% for the maximumPercent value" cannot have it ("Balancing an Amazon ECS service across
    Availability Zones"); AWS says so of CreateService and UpdateService alike."""
    if settings["availabilityZoneRebalancing"] == "ENABLED" and configuration["maximumPercent"] <= 100:
        raise invalid("AvailabilityZoneRebalancing does not support maximumPercent <= 100")


def volumes(definition: Definition, settings: Params) -> None:
    """ServiceVolumeConfiguration: "the name of the volume must match the name from the task definition"."""
    there = {each["name"] for each in definition.body.get("volumes") or [] if each.get("configuredAtLaunch")}
    wanted = {each["name"] for each in settings.get("volumeConfigurations") or []}
    if wanted - there:
        raise invalid("The volume names in volumeConfigurations must match those that are configured at launch.")


def connect(definition: Definition, settings: Params) -> None:
    """API reference, ServiceConnectConfiguration and ServiceConnectService. A cluster's default namespace is not kept
    here, so the service names one."""
    wanted = settings.get("serviceConnectConfiguration") or {}
    if not wanted.get("enabled"):
        return
    if not wanted.get("namespace"):
        raise invalid("A namespace is needed to enable Service Connect.")
    named = {m.get("name") for c in definition.containers for m in c["portMappings"]}
    for each in wanted.get("services", []):
        if each["portName"] not in named:
            raise invalid(f"The portName {each['portName']} is not a named port mapping of the task definition.")
        if len(each.get("clientAliases", [])) > 1:
            raise invalid("A Service Connect service can have one client alias.")


def load_balancers(elbv2: Any, balancers: list[Params], definition: Definition) -> None:
    """Each target group exists, takes addresses, has a load balancer; the container and its port are in the task."""
    for balancer in balancers:
        group = elbv2.groups.get(balancer.get("targetGroupArn"))
        if group is None:
            raise invalid(
                "Unable to assume role and validate the specified targetGroupArn. "
                "Please verify that the ECS service role being passed has the proper permissions."
            )
        if not elbv2.balancers_of(group.arn):
            raise invalid(
                f"The target group with targetGroupArn {group.arn} does not have an associated load balancer."
            )
        kind, mode = group.settings["TargetType"], definition.body.get("networkMode", "bridge")
        if kind != ("ip" if mode == "awsvpc" else "instance"):
            raise invalid(
                f"The provided target group {group.arn} has target type {kind}, "
                f"which is incompatible with the {mode} network mode specified in the task definition."
            )
        name, port = balancer.get("containerName"), balancer.get("containerPort")
        container = next((c for c in definition.containers if c["name"] == name), None)
        if container is None:
            raise invalid(f"The container {name} does not exist in the task definition.")
        if port not in [m["containerPort"] for m in container["portMappings"]]:
            raise invalid(f"The container {name} did not have a container port {port} defined.")


def configuration(current: Params, wanted: Params, controller: str) -> Params:
    """A deployment configuration: what is not said stays as it is."""
    merged = {**strategies.kept(current, wanted), **wanted}
    lowest, highest = merged["minimumHealthyPercent"], merged["maximumPercent"]
    if highest <= 100 and lowest >= 100:
        raise invalid("Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block deployments.")
    if lowest < 0 or highest < 1 or highest < lowest:
        raise invalid("Invalid deployment configuration: maximumPercent must not be below minimumHealthyPercent.")
    threshold = merged["deploymentCircuitBreaker"].get("thresholdConfiguration")
    if threshold and (threshold["value"] < 1 or (threshold["type"] != "COUNT" and threshold["value"] > 100)):
        # "How the Amazon ECS deployment circuit breaker detects failures"
        raise invalid("The threshold value of the deployment circuit breaker is at least 1, and at most 100 percent.")
    alarms = merged.get("alarms")
    if alarms and alarms["enable"] and not alarms["alarmNames"]:
        raise invalid("Deployment alarms need at least one alarm name.")
    early_success(merged, controller)
    strategies.check(merged)
    return merged


def early_success(configuration: Params, controller: str) -> None:
    """API reference, DeploymentEarlySuccessCriteria; "only with rolling deployment strategy", which is the controller
    ECS's (DeploymentController)."""
    criteria = configuration.get("earlySuccessCriteria", {})
    if criteria and controller != "ECS":
        raise invalid(f"earlySuccessCriteria can not be specified for the deployment controller {controller}.")
    for name in ("healthyPercent", "sourceServiceRevisionCleanup"):
        if criteria.get("enable") and name not in criteria:
            raise invalid(f"{name} must be specified to enable earlySuccessCriteria.")
    percent = criteria.get("healthyPercent")
    if percent is not None and not configuration["minimumHealthyPercent"] <= percent <= 100:
        raise invalid("healthyPercent must be between minimumHealthyPercent and 100.")
