# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The settings of a service that can be declared: their names, defaults, forms, and where AWS answers them.

Names, defaults and "triggers a new service deployment" are those of UpdateService in the Amazon ECS API reference;
those of ``scalableTarget`` are RegisterScalableTarget's in the Application Auto Scaling API reference, in ECS's
spelling.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules import connect, looks, strategies, values
from ansible_collections.steady.ecs.plugins.module_utils.rules.declaration import DeclarationError

NO_DEFAULT = object()
SIZES = {"sizeInGiB", "iops", "throughput", "volumeInitializationRate"}
"""The numbers of a volume (API reference, ServiceManagedEBSVolumeConfiguration)."""


def _volumes(path: str, value: Any) -> list[dict[str, Any]]:
    """Volumes that are configured at launch, by the name that the task definition gives them."""
    found = []
    for each in values.items({}, set())(path, value):
        disk = each.get("managedEBSVolume")
        known = values.items({}, SIZES)(f"{path}.managedEBSVolume", [disk])[0] if isinstance(disk, dict) else disk
        if isinstance(known, dict) and "encrypted" in known:
            known["encrypted"] = values.flag(f"{path}.managedEBSVolume.encrypted", known["encrypted"])
        found.append(each if known is None else {**each, "managedEBSVolume": known})
    return sorted(found, key=lambda each: str(each.get("name")))


@dataclass(frozen=True)
class Setting:
    """One property that can be declared, at any depth."""

    normal: Callable[[str, Any], Any]
    """Brings a declared or a live value into the form in which equal means equal."""
    default: Any = NO_DEFAULT
    """What AWS takes when it is absent, and what null in a declaration goes back to."""
    deploys: bool = False
    """Changing it triggers a new service deployment."""


GRACE = "healthCheckGracePeriodSeconds"
REBALANCING = "availabilityZoneRebalancing"
"""DISABLED for a service that "never had" a value (API reference, UpdateService). What it is without being declared
depends on what else the service has (CreateService), so there is no default to go back to."""
_CONFIGURATION = "deploymentConfiguration"
_BREAKER = f"{_CONFIGURATION}.deploymentCircuitBreaker"
_EARLY = f"{_CONFIGURATION}.{strategies.EARLY}"
_NETWORK = "networkConfiguration.awsvpcConfiguration"
VOLUMES = "volumeConfigurations"
OF_THE_DEPLOYMENT = {VOLUMES, connect.NAME}
"""Settings that stand in a service's deployments alone (API reference, Service and Deployment)."""
SCALING = "scalableTarget"
"""Who moves the count. It is read, and laid beside the service's own settings, only where it is declared."""
_SUSPENDED = f"{SCALING}.suspendedState"
TAGS = "tags"
"""Tags of the service: each key is a setting of its own, at the path ``tags[KEY]``, for nobody owns them all."""
_TAG = re.compile(rf"{TAGS}\[(.+)\]", re.DOTALL)

SETTINGS: dict[str, Setting] = {
    "desiredCount": Setting(values.whole),
    GRACE: Setting(values.whole, 0),
    f"{_CONFIGURATION}.maximumPercent": Setting(values.whole, 200),
    f"{_CONFIGURATION}.minimumHealthyPercent": Setting(values.whole, 100),
    f"{_CONFIGURATION}.strategy": Setting(values.text, "ROLLING"),
    f"{_CONFIGURATION}.bakeTimeInMinutes": Setting(values.whole, 0),
    f"{_CONFIGURATION}.lifecycleHooks": Setting(strategies.hooks, []),
    f"{_CONFIGURATION}.linearConfiguration.stepPercent": Setting(values.percent, None),
    f"{_CONFIGURATION}.linearConfiguration.stepBakeTimeInMinutes": Setting(values.whole, None),
    f"{_CONFIGURATION}.canaryConfiguration.canaryPercent": Setting(values.percent, None),
    f"{_CONFIGURATION}.canaryConfiguration.canaryBakeTimeInMinutes": Setting(values.whole, None),
    f"{_BREAKER}.enable": Setting(values.flag, False),
    f"{_BREAKER}.rollback": Setting(values.flag, False),
    f"{_BREAKER}.resetOnHealthyTask": Setting(values.flag, True),
    f"{_BREAKER}.thresholdConfiguration.type": Setting(values.text, "BOUNDED_PERCENT"),
    f"{_BREAKER}.thresholdConfiguration.value": Setting(values.whole, 50),
    f"{_EARLY}.enable": Setting(values.flag, False),
    f"{_EARLY}.healthyPercent": Setting(values.whole, None),
    f"{_EARLY}.sourceServiceRevisionCleanup": Setting(values.text, None),
    f"{_CONFIGURATION}.alarms.alarmNames": Setting(values.names, []),
    f"{_CONFIGURATION}.alarms.enable": Setting(values.flag, False),
    f"{_CONFIGURATION}.alarms.rollback": Setting(values.flag, False),
    f"{_NETWORK}.subnets": Setting(values.names, deploys=True),
    f"{_NETWORK}.securityGroups": Setting(values.names, [], deploys=True),
    f"{_NETWORK}.assignPublicIp": Setting(values.text, "DISABLED", deploys=True),
    "platformVersion": Setting(values.text, "LATEST", deploys=True),
    "capacityProviderStrategy": Setting(values.items({"weight": 0, "base": 0}, {"weight", "base"}), [], deploys=True),
    "launchType": Setting(values.text),
    "loadBalancers": Setting(values.items({}, {"containerPort"}), [], deploys=True),
    "serviceRegistries": Setting(values.items({}, {"containerPort", "port"}), [], deploys=True),
    VOLUMES: Setting(_volumes, [], deploys=True),
    f"{connect.NAME}.enabled": Setting(values.flag, False, deploys=True),
    f"{connect.NAME}.namespace": Setting(values.text, None, deploys=True),
    f"{connect.NAME}.services": Setting(connect.services, [], deploys=True),
    f"{connect.NAME}.logConfiguration": Setting(values.mapping, None, deploys=True),
    f"{connect.NAME}.accessLogConfiguration": Setting(values.mapping, None, deploys=True),
    "placementConstraints": Setting(values.items({}, set()), []),
    "placementStrategy": Setting(values.ordered_items, []),
    REBALANCING: Setting(values.text),
    "enableExecuteCommand": Setting(values.flag, False),
    "enableECSManagedTags": Setting(values.flag, False),
    "propagateTags": Setting(values.text, "NONE"),
    f"{SCALING}.minCapacity": Setting(values.whole),
    f"{SCALING}.maxCapacity": Setting(values.whole),
    f"{_SUSPENDED}.dynamicScalingInSuspended": Setting(values.flag, False),
    f"{_SUSPENDED}.dynamicScalingOutSuspended": Setting(values.flag, False),
    f"{_SUSPENDED}.scheduledScalingSuspended": Setting(values.flag, False),
}


TAG = Setting(values.text, None)


def declared_count(declared: dict[str, Any]) -> int | None:
    """The desired count among declared settings; None where there is none, or none that can be meant."""
    try:
        return values.whole("desiredCount", declared.get("desiredCount"))
    except DeclarationError:
        return None


def setting(path: str) -> Setting | None:
    """The setting at a path; None for a name that is none."""
    return TAG if tag_key(path) else SETTINGS.get(path)


def tag_path(key: str) -> str:
    """The path of a tag."""
    return f"{TAGS}[{key}]"


def tag_key(path: str) -> str | None:
    """The inverse of :func:`tag_path`; None where the path is no tag's."""
    found = _TAG.fullmatch(path)
    return found[1] if found else None


def live_value(path: str, service: dict[str, Any]) -> Any:
    """What a service, as DescribeServices answers it, has at a path; None where it has nothing. What stands in its
    deployments alone is taken from the PRIMARY one; Service Connect that is switched off has no more to say."""
    key = tag_key(path)
    if key:
        return next((each.get("value", "") for each in service.get(TAGS) or [] if each.get("key") == key), None)
    name, *steps = path.split(".")
    value: Any = (looks.primary(service) if name in OF_THE_DEPLOYMENT else service).get(name)
    if name == connect.NAME and not (value or {}).get("enabled"):
        return None
    if path == REBALANCING:
        return value or "DISABLED"
    for step in steps:
        value = value.get(step) if isinstance(value, dict) else None
    return None if value == "" else value


def beside(path: str) -> bool:
    """Whether a setting is none of UpdateService's, and set by a call of its own."""
    return path.split(".")[0] == SCALING or tag_key(path) is not None
