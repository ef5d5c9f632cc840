"""Tags of load balancers, target groups, listeners and rules."""

from ..strict import reads
from ..wire import AwsError, Params
from .state import State, at_most, tags_of


class Tags(State):
    def _of(self, arn: str) -> dict[str, str]:
        """The resource's tags, or the error that AWS gives for a missing resource of its kind."""
        kind = arn.split(":")[-1].split("/")[0]
        finders = {
            "loadbalancer": self.balancer,
            "targetgroup": self.group,
            "listener": self.listener,
            "listener-rule": self.rule,
        }
        if not arn.startswith("arn:") or kind not in finders:
            raise AwsError("ValidationError", f"'{arn}' is not a valid resource ARN")
        finders[kind](arn)
        return self.tags.setdefault(arn, {})

    @reads("ResourceArns", "Tags")
    def add_tags(self, params: Params) -> Params:
        new = tags_of(params["Tags"])
        merged = {arn: {**self._of(arn), **new} for arn in params["ResourceArns"]}
        for tags in merged.values():
            tags_of({"Key": key, "Value": value} for key, value in tags.items())
        self.tags.update(merged)
        return {}

    @reads("ResourceArns", "TagKeys")
    def remove_tags(self, params: Params) -> Params:
        for tags in [self._of(arn) for arn in params["ResourceArns"]]:
            for key in params["TagKeys"]:
                tags.pop(key, None)
        return {}

    @reads("ResourceArns")
    def describe_tags(self, params: Params) -> Params:
        """At most 20 resources a call (API reference)."""
        arns = params["ResourceArns"]
        at_most("ResourceArns", arns, 20)
        return {
            "TagDescriptions": [
                {"ResourceArn": arn, "Tags": [{"Key": k, "Value": v} for k, v in self._of(arn).items()]} for arn in arns
            ]
        }
