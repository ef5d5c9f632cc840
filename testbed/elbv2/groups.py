"""Target groups: settings, health check settings, attributes."""

import re

from ..strict import reads
from ..wire import AwsError, Params
from . import attributes
from .model import Json, TargetGroup, divides
from .state import State, refused, tags_of, within

NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,30}[A-Za-z0-9])?")
LIMITS = {  # API reference, CreateTargetGroup: (lowest, highest)
    "HealthCheckIntervalSeconds": (5, 300),
    "HealthCheckTimeoutSeconds": (2, 120),
    "HealthyThresholdCount": (2, 10),
    "UnhealthyThresholdCount": (2, 10),
}
HEALTH_CHECK = {  # defaults: user guide, "Health checks for Application Load Balancer target groups"
    "HealthCheckProtocol": "HTTP",
    "HealthCheckPort": "traffic-port",
    "HealthCheckEnabled": True,
    "HealthCheckPath": "/",
    "HealthCheckIntervalSeconds": 30,
    "HealthCheckTimeoutSeconds": 5,
    "HealthyThresholdCount": 5,
    "UnhealthyThresholdCount": 2,
    "Matcher": {"HttpCode": "200"},
}
READ = (*(name for name in HEALTH_CHECK if name != "Matcher"), "Matcher.HttpCode")


def codes(spec: str) -> list[tuple[int, int]]:
    """The ranges of a matcher such as "200,202-299"; AWS takes 200 to 499 for Application Load Balancers."""
    found = []
    for part in spec.split(","):
        match = re.fullmatch(r"(\d{3})(?:-(\d{3}))?", part.strip(), re.ASCII)
        low, high = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
        if not 200 <= low <= high <= 499:
            raise AwsError(
                "ValidationError", f"Health check matcher HTTP code '{spec}' must be within '200-499' inclusive"
            )
        found.append((low, high))
    return found


class Groups(State):
    @reads("Name", "Protocol", "ProtocolVersion", "Port", "VpcId", "TargetType", "IpAddressType", "Tags", *READ)
    def create_target_group(self, params: Params) -> Params:
        """Idempotent with the same settings, DuplicateTargetGroupName with others (API reference)."""
        name = params["Name"]
        if not NAME.fullmatch(name):
            raise AwsError("ValidationError", f"Target group name '{name}' is not valid")
        for member in ("Protocol", "Port", "VpcId"):
            if not params.get(member):
                raise AwsError("ValidationError", f"{'A' if member != 'VpcId' else 'The'} {member} must be specified")
        settings: Json = {
            "TargetGroupName": name,
            "Protocol": params["Protocol"],
            "ProtocolVersion": params.get("ProtocolVersion", "HTTP1"),
            "Port": params["Port"],
            "VpcId": params["VpcId"],
            "TargetType": params.get("TargetType", "instance"),
            "IpAddressType": params.get("IpAddressType", "ipv4"),
            **{key: params.get(key, default) for key, default in HEALTH_CHECK.items()},
        }
        within("Port", settings["Port"], 1, 65535)
        served_only(settings)
        check_health_check(settings)
        tags = tags_of(params.get("Tags", []))
        for group in self.groups.values():
            if group.settings["TargetGroupName"] == name:
                if group.settings == settings and self.tags[group.arn] == tags:
                    return {"TargetGroups": [self._view(group)]}
                text = f"A target group with the same name '{name}' exists, but with different settings"
                raise AwsError("DuplicateTargetGroupName", text)
        arn = self.new_arn("targetgroup", name)
        self.groups[arn], self.tags[arn] = TargetGroup(arn, settings), tags
        self.changed()
        return {"TargetGroups": [self._view(self.groups[arn])]}

    def _view(self, group: TargetGroup) -> Json:
        return {"TargetGroupArn": group.arn, **group.settings, "LoadBalancerArns": self.balancers_of(group.arn)}

    @reads("LoadBalancerArn", "TargetGroupArns", "Names", "Marker", "PageSize")
    def describe_target_groups(self, params: Params) -> Params:
        ways = [key for key in ("LoadBalancerArn", "TargetGroupArns", "Names") if params.get(key)]
        if len(ways) > 1:
            raise AwsError("ValidationError", f"{' and '.join(ways)} cannot be specified at the same time")
        found = list(self.groups.values())
        if arns := params.get("TargetGroupArns"):
            found = [self.group(arn) for arn in arns]
        if names := params.get("Names"):
            found = [group for group in found if group.settings["TargetGroupName"] in names]
            if len(found) < len(set(names)):
                raise AwsError("TargetGroupNotFound", "One or more target groups not found")
        if arn := params.get("LoadBalancerArn"):
            self.balancer(arn)
            found = [group for group in found if arn in self.balancers_of(group.arn)]
        items, marker = self.page(found, params)
        return {"TargetGroups": [self._view(group) for group in items], "NextMarker": marker}

    @reads("TargetGroupArn", *READ)
    def modify_target_group(self, params: Params) -> Params:
        group = self.group(params["TargetGroupArn"])
        new = {**group.settings, **{key: params[key] for key in HEALTH_CHECK if key in params}}
        check_health_check(new)
        group.settings = new
        self.changed()
        return {"TargetGroups": [self._view(group)]}

    @reads("TargetGroupArn")
    def delete_target_group(self, params: Params) -> Params:
        """A group that no listener uses. One that does not exist is no error: the API names none but ResourceInUse."""
        arn = params["TargetGroupArn"]
        if self.balancers_of(arn):
            raise AwsError("ResourceInUse", f"Target group '{arn}' is currently in use by a listener or a rule")
        self.groups.pop(arn, None)
        self.tags.pop(arn, None)
        self.changed()
        return {}

    @reads("TargetGroupArn")
    def describe_target_group_attributes(self, params: Params) -> Params:
        found = self.group(params["TargetGroupArn"]).attributes
        return {"Attributes": [{"Key": k, "Value": v} for k, v in found.items()]}

    @reads("TargetGroupArn", "Attributes")
    def modify_target_group_attributes(self, params: Params) -> Params:
        """The other side of case C24 (the words are those of kubernetes-sigs/aws-load-balancer-controller#2734)."""
        group = self.group(params["TargetGroupArn"])
        new = attributes.changed_target_group(group.attributes, params["Attributes"])
        rules = [rule for listener in self.listeners.values() for rule in listener.rules]
        if new["stickiness.enabled"] == "true" and any(group.arn in divides(rule.actions) for rule in rules):
            text = f"This target group appears behind a rule with group stickiness disabled ({group.arn}). "
            text += "You must enable group stickiness before enabling target stickiness"
            raise AwsError("InvalidConfigurationRequest", text)
        group.attributes = new
        self.changed()
        return self.describe_target_group_attributes(params)


def served_only(settings: Json) -> None:
    """Refuse by name the kinds of target group that the plane does not route to."""
    if settings["TargetType"] not in ("ip", "instance"):
        raise refused(f"target groups of the type {settings['TargetType']}")
    if settings["Protocol"] != "HTTP":
        raise refused(f"target groups with the protocol {settings['Protocol']}")
    if settings["ProtocolVersion"] != "HTTP1":
        raise refused(f"target groups with the protocol version {settings['ProtocolVersion']}")
    if settings["IpAddressType"] != "ipv4":
        raise refused(f"target groups with the IP address type {settings['IpAddressType']}")


def check_health_check(settings: Json) -> None:
    for key, (low, high) in LIMITS.items():
        within(key, settings[key], low, high)
    if settings["HealthCheckProtocol"] not in ("HTTP", "HTTPS"):  # API reference, HealthCheckProtocol
        text = f"Health check protocol '{settings['HealthCheckProtocol']}' is not supported for this target group"
        raise AwsError("InvalidConfigurationRequest", text)
    if settings["HealthCheckTimeoutSeconds"] >= settings["HealthCheckIntervalSeconds"]:
        raise AwsError("ValidationError", "Health check interval must be greater than the timeout.")
    if settings["HealthCheckEnabled"] is not True:  # API reference: "always enabled and can't be disabled"
        text = f"Health check enabled must be true for target groups with target type '{settings['TargetType']}'"
        raise AwsError("InvalidConfigurationRequest", text)
    path, port = settings["HealthCheckPath"], settings["HealthCheckPort"]
    if not path.startswith("/") or len(path) > 1024 or not path.isascii() or any(c.isspace() for c in path):
        raise AwsError(
            "ValidationError",
            f"Health check path '{path}' must begin with '/', in printable ASCII characters without spaces",
        )
    if port != "traffic-port" and not (port.isascii() and port.isdigit() and 1 <= int(port) <= 65535):
        raise AwsError(
            "ValidationError", f"Health check port '{port}' must be 'traffic-port' or in the range of 1-65535 inclusive"
        )
    if "HttpCode" not in settings["Matcher"]:
        raise AwsError("ValidationError", "A matcher of a target group with the protocol HTTP must have an HttpCode")
    codes(settings["Matcher"]["HttpCode"])
