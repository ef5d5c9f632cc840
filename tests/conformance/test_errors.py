"""The table of errors.py: each cell by its state, each other code of the models by a fault rule."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conformance.errors import CELLS, Cell, codes, denied, injected, model, operations, protocol
from tests.conformance.place import Place
from tests.conformance.rows import ANSWERED
from tests.conformance.stage import Stage
from tests.testbed.beds import Bed

KEY = "STRUCK"
COMMON = {
    "throttle": ("ThrottlingException", "Throttling"),
    "expired": ("ExpiredTokenException", "ExpiredToken"),
    "server_error": ("ServerException", "InternalFailure"),
}


@pytest.fixture(scope="module")
def stage(place: Place) -> Stage:
    return Stage(place)


@pytest.mark.api
@pytest.mark.parametrize("cell", CELLS, ids=[cell.id for cell in CELLS])
def test_what_answers_in_a_state(stage: Stage, cell: Cell) -> None:
    """API_* of the operation, Errors."""
    try:
        cell.call(stage)
        found = ANSWERED
    except ClientError as e:
        found = e.response["Error"]["Code"]
        assert e.response["Error"]["Message"]
    assert found == cell.answer


# -- by a rule of the bed ----------------------------------------------------------------------------------------------


@pytest.fixture
def bed(endpoint: str) -> Iterator[Bed]:
    found = Bed(endpoint)
    yield found
    found.admin("DELETE", "/_bed/faults")
    found.admin("DELETE", "/_bed/iam")


def least(shape: Any) -> Any:
    """The least value that botocore sends for a shape."""
    if shape.type_name == "structure":
        return {name: least(shape.members[name]) for name in shape.required_members}
    if shape.type_name == "list":
        return [least(shape.member)]
    return {"string": "x", "integer": 1, "boolean": True}[shape.type_name]


def refusal(bed: Bed, operation: str) -> ClientError:
    """The error of the least call of an operation, made with the key that rules are about."""
    found = model(operation)
    client = bed.client(found.service_model.service_name, key=KEY)
    name = next(each for each, said in client.meta.method_to_api_mapping.items() if said == found.name)
    with pytest.raises(ClientError) as caught:
        getattr(client, name)(**least(found.input_shape))
    return caught.value


def strike(bed: Bed, operation: str, **what: Any) -> None:
    service, _, name = operation.partition(":")
    status, said = bed.admin(
        "PUT", "/_bed/faults", [{"service": service, "operation": name, "access_key": KEY, **what}]
    )
    assert status == 200, said


@pytest.mark.fault
@pytest.mark.parametrize(("operation", "code"), injected(), ids=[f"{o.partition(':')[2]}-{c}" for o, c in injected()])
def test_a_code_of_the_model_reaches_the_client_as_the_models_exception(bed: Bed, operation: str, code: str) -> None:
    """The errors of the operation in botocore's model."""
    strike(bed, operation, error=code, status=codes(operation)[code])
    found = refusal(bed, operation)
    assert found.response["Error"]["Code"] == code
    assert found.response["ResponseMetadata"]["HTTPStatusCode"] == codes(operation)[code]
    assert type(found) is not ClientError, "the client knows no exception of this code"


@pytest.mark.fault
@pytest.mark.parametrize("kind", COMMON)
@pytest.mark.parametrize("operation", operations())
def test_errors_that_every_operation_has(bed: Bed, operation: str, kind: str) -> None:
    """CommonErrors of the references."""
    strike(bed, operation, kind=kind)
    json_code, query_code = COMMON[kind]
    expected = json_code if protocol(operation) == "json" else query_code
    assert refusal(bed, operation).response["Error"]["Code"] == expected


@pytest.mark.fault
@pytest.mark.parametrize("operation", operations())
def test_a_call_without_its_right_is_denied_by_name(bed: Bed, operation: str) -> None:
    """CommonErrors of the references; IAM guide, troubleshoot_access-denied."""
    other = {"Effect": "Allow", "Action": ["sts:GetCallerIdentity"], "Resource": ["*"]}
    status, said = bed.admin("PUT", "/_bed/iam", {KEY: [{"Version": "2012-10-17", "Statement": [other]}]})
    assert status == 200, said
    found = refusal(bed, operation).response["Error"]
    assert found["Code"] == denied(operation)
    assert operation in found["Message"]
