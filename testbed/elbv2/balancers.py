"""Load balancers: application ones only, each on a loopback address of its own."""

import re

from ..strict import reads
from ..wire import AwsError, Params, now
from . import attributes
from .model import Balancer, Json
from .state import State, at_most, refused, tags_of

NAME = re.compile(r"(?!internal-)[A-Za-z0-9]([A-Za-z0-9-]{0,30}[A-Za-z0-9])?")
VPC = "vpc-0000000000000bed0"


class Balancers(State):
    @reads(
        "Name",
        "Subnets",
        "SecurityGroups",
        "Scheme",
        "Tags",
        "Type",
        "IpAddressType",
    )
    def create_load_balancer(self, params: Params) -> Params:
        """Idempotent with the same settings, DuplicateLoadBalancerName with others (API reference)."""
        name = params["Name"]
        if not NAME.fullmatch(name):
            raise AwsError("ValidationError", f"The load balancer name '{name}' is not valid")
        if params.get("Type", "application") != "application":
            raise refused(f"load balancers of the type {params['Type']}")
        settings: Json = {
            "Type": "application",
            "Scheme": params.get("Scheme", "internet-facing"),
            "IpAddressType": ipv4_only(params.get("IpAddressType", "ipv4")),
            "SecurityGroups": params.get("SecurityGroups", []),
            "AvailabilityZones": self._zones(params),
            "VpcId": VPC,
            "CanonicalHostedZoneId": "Z35SXDOTRQ7X7K",
        }
        tags = tags_of(params.get("Tags", []))
        for balancer in self.balancers.values():
            if balancer.name == name:
                same = {k: v for k, v in balancer.settings.items() if k != "CreatedTime"} == settings
                if same and self.tags[balancer.arn] == tags:
                    return {"LoadBalancers": [balancer.view()]}
                text = f"A load balancer with the same name '{name}' exists, but with different settings"
                raise AwsError("DuplicateLoadBalancerName", text)
        try:
            address = self.addresses.load_balancer()
        except RuntimeError as e:  # the bed's part of the loopback range is used up
            raise AwsError("TooManyLoadBalancers", str(e)) from None
        arn = self.new_arn("loadbalancer/app", name)
        settings["CreatedTime"] = now()
        self.balancers[arn] = Balancer(arn, name, address, settings)
        self.tags[arn] = tags
        self.changed()
        return {"LoadBalancers": [self.balancers[arn].view()]}

    def _zones(self, params: Params) -> list[Json]:
        """One zone a subnet; AWS wants subnets from at least two zones for an Application Load Balancer."""
        subnets = params.get("Subnets", [])
        if len(set(subnets)) != len(subnets):
            raise AwsError(
                "InvalidConfigurationRequest",
                "A load balancer cannot be attached to multiple subnets in the same Availability Zone",
            )
        if len(subnets) < 2:
            raise AwsError(
                "ValidationError", "At least two subnets in two different Availability Zones must be specified"
            )
        if len(subnets) > 6:
            raise refused("load balancers in more than six zones")
        return [
            {"ZoneName": f"{self.region}{letter}", "SubnetId": subnet}
            for letter, subnet in zip("abcdef", subnets, strict=False)
        ]

    @reads("LoadBalancerArns", "Names", "Marker", "PageSize")
    def describe_load_balancers(self, params: Params) -> Params:
        arns, names = params.get("LoadBalancerArns"), params.get("Names")
        if arns and names:
            raise AwsError(
                "ValidationError", "Load balancer names and load balancer ARNs cannot be specified at the same time"
            )
        at_most("LoadBalancerArns", arns or [], 20)
        at_most("Names", names or [], 20)
        found = list(self.balancers.values())
        if wanted := arns or names:
            found = [b for b in found if (b.arn if arns else b.name) in wanted]
            if len(found) < len(set(wanted)):
                missing = sorted(set(wanted) - {b.arn if arns else b.name for b in found})
                raise AwsError("LoadBalancerNotFound", f"Load balancers '[{', '.join(missing)}]' not found")
        items, marker = self.page(found, params)
        return {"LoadBalancers": [b.view() for b in items], "NextMarker": marker}

    @reads("LoadBalancerArn")
    def delete_load_balancer(self, params: Params) -> Params:
        """ "If the load balancer does not exist or has already been deleted, the call succeeds" (API reference)."""
        balancer = self.balancers.get(params["LoadBalancerArn"])
        if balancer is None:
            return {}
        for listener in [found for found in self.listeners.values() if found.balancer == balancer.arn]:
            for arn in (listener.arn, *(rule.arn for rule in listener.rules)):
                self.tags.pop(arn, None)
            del self.listeners[listener.arn]
        del self.balancers[balancer.arn], self.tags[balancer.arn]
        self.addresses.give_back(balancer.address)
        self.changed()
        return {}

    @reads("LoadBalancerArn")
    def describe_load_balancer_attributes(self, params: Params) -> Params:
        found = self.balancer(params["LoadBalancerArn"]).attributes
        return {"Attributes": [{"Key": k, "Value": v} for k, v in found.items()]}

    @reads("LoadBalancerArn", "Attributes")
    def modify_load_balancer_attributes(self, params: Params) -> Params:
        balancer = self.balancer(params["LoadBalancerArn"])
        balancer.attributes = attributes.LOAD_BALANCER.changed(balancer.attributes, params["Attributes"])
        self.changed()
        return self.describe_load_balancer_attributes(params)


def ipv4_only(kind: str) -> str:
    if kind != "ipv4":
        raise refused(f"the IP address type {kind}")
    return kind
