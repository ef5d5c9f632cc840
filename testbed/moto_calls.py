"""Calls from inside the bed to the services that moto answers, through moto's public WSGI application.

What ECS's agent does on AWS with the task's execution role: read secrets, write logs, look at alarms. botocore writes
the request and reads the answer, so nothing of moto's insides is named here. These calls are not counted, and fault
rules do not touch them.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

from botocore.awsrequest import HeadersDict
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from werkzeug.test import Client

from .wire import AwsError, Params, service_model


@cache
def _protocol(service: str) -> tuple[Any, Any]:
    name = service_model(service).resolved_protocol
    return create_serializer(name, include_validation=False), create_parser(name)


class MotoCalls:
    def __init__(self, application: Callable[..., Any]) -> None:
        self._client = Client(application)

    def call(self, service: str, region: str, operation: str, **params: Any) -> Params:
        """The answer as boto3 gives it. Raises AwsError with the service's own code and message."""
        model = service_model(service)
        found = model.operation_model(operation)
        serializer, parser = _protocol(service)
        request = serializer.serialize_to_request(params, found)
        scope = f"bed/20260101/{region}/{model.signing_name}/aws4_request"
        signed = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=bed"
        response = self._client.open(
            request["url_path"],
            method=request["method"],
            headers={**request["headers"], "Authorization": signed, "Host": f"{model.endpoint_prefix}.amazonaws.com"},
            query_string=request["query_string"] or None,
            data=request["body"],
        )
        if response.status_code >= 500:  # moto's own defects have no form that a parser knows
            raise AwsError("InternalFailure", f"{service} failed", response.status_code)
        received = {
            "status_code": response.status_code,
            "headers": HeadersDict(response.headers),
            "body": response.get_data(),
        }
        answer: Params = parser.parse(received, found.output_shape)
        if response.status_code >= 300:
            error = answer.get("Error", {})
            raise AwsError(error.get("Code", "Unknown"), error.get("Message", ""), response.status_code)
        return answer

    def reset(self) -> None:
        """Empty every service of moto (its documented address)."""
        self._client.post("/moto-api/reset")
