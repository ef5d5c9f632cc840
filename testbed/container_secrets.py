"""A container's `secrets`: values from Secrets Manager and Parameter Store, injected when the task starts.

Source: "Pass sensitive data to an Amazon ECS container",
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/specifying-sensitive-data.html
"""

import json

from .moto_calls import MotoCalls
from .wire import AwsError, Params

PREFIX = "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: "


class ResourceInitialization(Exception):
    """What the agent needs before the containers start is missing; the text is ECS's stopped reason."""


def resolve(moto: MotoCalls, region: str, container: Params) -> dict[str, str]:
    """{environment name: value} of one container definition. Raises ResourceInitialization; values are never logged."""
    return {s["name"]: _value(moto, region, s["valueFrom"]) for s in container.get("secrets", [])}


def _value(moto: MotoCalls, region: str, source: str) -> str:
    parts = source.split(":")
    if parts[:3] == ["arn", "aws", "secretsmanager"] and len(parts) >= 7:
        return _secret(moto, source, parts)
    names, place = [source], region
    if parts[:3] == ["arn", "aws", "ssm"] and len(parts) >= 6:
        name, place = parts[5].removeprefix("parameter/"), parts[3]
        names = [f"/{name}", name]  # an ARN does not tell whether the name begins with a slash
    try:
        found = moto.call("ssm", place, "GetParameters", Names=names, WithDecryption=True)["Parameters"]
        if not found:
            raise AwsError("InvalidParameters", "")
    except AwsError as e:
        raise ResourceInitialization(
            f"{PREFIX}unable to retrieve secrets from ssm: service call has been retried 1 time(s): "
            f"{e.code}: invalid parameters: {names[0]}"
        ) from None
    return str(found[0]["Value"])


def _secret(moto: MotoCalls, source: str, parts: list[str]) -> str:
    """arn:aws:secretsmanager:region:account:secret:name[:json-key:version-stage:version-id]"""
    key, stage, version = (parts[7:] + ["", "", ""])[:3]
    wanted = {"SecretId": ":".join(parts[:7])}
    if stage:
        wanted["VersionStage"] = stage
    if version:
        wanted["VersionId"] = version
    start = f"{PREFIX}unable to retrieve secret from asm: "
    try:
        text = str(moto.call("secretsmanager", parts[3], "GetSecretValue", **wanted).get("SecretString", ""))
    except AwsError as e:
        raise ResourceInitialization(
            f"{start}service call has been retried 1 time(s): failed to fetch secret {source}: {e.code}: {e.message}"
        ) from None
    if not key:
        return text
    try:
        return str(json.loads(text)[key])
    except (ValueError, KeyError, TypeError):
        raise ResourceInitialization(f"{start}retrieved secret did not contain json key {key}") from None
