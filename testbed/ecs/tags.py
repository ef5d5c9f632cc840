"""Tags: TagResource, UntagResource, ListTagsForResource. ECS writes `key` and `value`, unlike most services."""

from ..strict import reads
from ..wire import AwsError, Params
from . import limits
from .state import State


class Tags(State):
    def _tagged(self, arn: str, code: str = "ResourceNotFoundException") -> list[Params]:
        """The code is the one that the operation's page names for a resource that is missing."""
        if arn not in self.tags:
            raise AwsError(code, "The specified resource was not found.")
        return self.tags[arn]

    @reads("resourceArn", "tags")
    def tag_resource(self, p: Params) -> Params:
        limits.tags(p["tags"])
        old = self._tagged(p["resourceArn"])
        new = {t["key"]: t for t in old + p["tags"]}
        if sum(not key.startswith("aws:") for key in new) > limits.MOST_TAGS:  # AWS's own "do not count"
            raise AwsError("InvalidParameterException", "The maximum number of tags for a resource is 50.")
        self.tags[p["resourceArn"]] = list(new.values())
        return {}

    @reads("resourceArn", "tagKeys")
    def untag_resource(self, p: Params) -> Params:
        limits.tags([{"key": key} for key in p["tagKeys"]])
        kept = [t for t in self._tagged(p["resourceArn"]) if t["key"] not in p["tagKeys"]]
        self.tags[p["resourceArn"]] = kept
        return {}

    @reads("resourceArn")
    def list_tags_for_resource(self, p: Params) -> Params:
        return {"tags": self._tagged(p["resourceArn"], "InvalidParameterException")}
