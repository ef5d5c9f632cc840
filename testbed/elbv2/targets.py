"""Targets of a group: registration, deregistration, health."""

import ipaddress
import re
import time

from ..strict import reads
from ..wire import AwsError, Params
from .model import NOT_IN_USE, NOT_REGISTERED, Address, Json, Target, TargetGroup
from .state import State, within


class Targets(State):
    def _addresses(self, group: TargetGroup, targets: list[Json]) -> list[Address]:
        found = []
        for target in targets:
            within("Port", target.get("Port"), 1, 65535)
            found.append((target["Id"], int(target.get("Port") or group.settings["Port"])))
        return found

    @reads("TargetGroupArn", "Targets.Id", "Targets.Port")
    def register_targets(self, params: Params) -> Params:
        group = self.group(params["TargetGroupArn"])
        wanted = self._addresses(group, params["Targets"])
        for identifier, _ in wanted:
            check_identifier(group.settings["TargetType"], identifier, {host for host, _ in self.hosts})
        for address in wanted:
            group.deregistered.pop(address, None)
            group.targets.setdefault(address, Target(*address, at=self.hosts.get(address)))
        self.changed()
        return {}

    @reads("TargetGroupArn", "Targets.Id", "Targets.Port")
    def deregister_targets(self, params: Params) -> Params:
        """Unknown targets are no error: "If the specified target does not exist, the action returns successfully"."""
        group = self.group(params["TargetGroupArn"])
        delay = group.seconds("deregistration_delay.timeout_seconds") * self.scale
        in_use = self.balancers_of(group.arn)
        for address in self._addresses(group, params["Targets"]):
            target = group.targets.pop(address, None)
            if target and in_use:  # a group without listeners has nothing to drain
                target.drain_until = time.time() + delay
                group.deregistered[address] = target
        self.changed()
        return {}

    @reads("TargetGroupArn", "Targets.Id", "Targets.Port")
    def describe_target_health(self, params: Params) -> Params:
        group = self.group(params["TargetGroupArn"])
        known, in_use = group.shown(), bool(self.balancers_of(group.arn))
        rows = []
        for address in self._addresses(group, params.get("Targets", [])) or list(known):
            target = known.get(address)
            health = NOT_REGISTERED if target is None else target.health
            if target and not in_use and target.state != "draining":
                health = NOT_IN_USE
            port = group.settings["HealthCheckPort"]
            rows.append(
                {
                    "Target": {"Id": address[0], "Port": address[1]},
                    "HealthCheckPort": str(address[1]) if port == "traffic-port" else port,
                    "TargetHealth": {
                        "State": health.state,
                        "Reason": health.reason,
                        "Description": health.description,
                    },
                }
            )
        return {"TargetHealthDescriptions": rows}


def check_identifier(kind: str, identifier: str, running: set[str]) -> None:
    """Raise unless a target of this kind can be registered: loopback addresses only, so that no probe leaves here."""
    if kind == "instance":
        if not re.fullmatch(r"i-[0-9a-f]{8,17}", identifier):
            raise AwsError("ValidationError", f"Instance ID '{identifier}' is not valid")
        if identifier not in running:  # ECS registers them: of an instance that runs none of its tasks nothing answers
            text = f"The following targets are not in a running state and cannot be registered: '{identifier}'"
            raise AwsError("InvalidTarget", text)
        return
    try:
        loopback = ipaddress.IPv4Address(identifier).is_loopback
    except ValueError:
        raise AwsError("ValidationError", f"The IP address '{identifier}' is not a valid IPv4 address") from None
    if not loopback:
        text = f"The IP address '{identifier}' is not within the test bed's range 127.0.0.0/8"
        raise AwsError("ValidationError", text)
