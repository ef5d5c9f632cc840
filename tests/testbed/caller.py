"""A client that may do what its policies say."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.testbed.beds import World


def policy(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Resource": "*", **s} for s in statements]}


class Caller:
    """A client of one access key, whose policies the test gives."""

    def __init__(self, world: World) -> None:
        self.world = world

    def may(self, *statements: dict[str, Any]) -> None:
        status, said = self.world.bed.admin("PUT", "/_bed/iam", {"LIMITED": [policy(*statements)]})
        assert status == 200, said

    def __call__(self, service: str) -> Any:
        return self.world.bed.client(service, key="LIMITED")

    def refused(self, service: str, operation: str, /, **words: Any) -> str:
        """The message of the refusal that the call meets."""
        with pytest.raises(ClientError) as caught:
            getattr(self(service), operation)(**words)
        code = caught.value.response["Error"]["Code"]
        in_xml = service in ("cloudformation", "elbv2", "s3", "iam")
        assert code == ("AccessDenied" if in_xml else "AccessDeniedException")
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == (403 if code == "AccessDenied" else 400)
        return str(caught.value.response["Error"]["Message"])
