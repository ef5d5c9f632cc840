# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Clients for AWS, and the words for what can go wrong between us and it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.botocore import get_aws_connection_info
from ansible_collections.steady.ecs.plugins.module_utils.rules import redact
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure, Task

try:
    import boto3
    import botocore.loaders
    import botocore.session
    from botocore.config import Config
    from botocore.exceptions import (
        BotoCoreError,
        ClientError,
        EndpointConnectionError,
        NoCredentialsError,
        NoRegionError,
        ParamValidationError,
    )

    HAS_BOTO3 = True
except ImportError:
    HAS_BOTO3 = False

READ_ATTEMPTS = 6
WRITE_ATTEMPTS = 1
"""A write is never sent twice by the SDK: after a lost answer it would register a second revision. We read first."""

EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired"}
REJECTED = {"InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch", "InvalidSignatureException"}
DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"}
THROTTLED = {"Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequestsException"}

CREDENTIALS = {
    *("CredentialRetrievalError", "PartialCredentialsError", "UnknownCredentialError", "InfiniteLoopConfigError"),
    *("SSOError", "LoginError", "TokenRetrievalError", "NoAuthTokenError", "RefreshWithMFAUnsupportedError"),
    *("ProfileNotFound", "MetadataRetrievalError"),
}
"""The SDK's exceptions about what says who we are; by name, for some are younger than the oldest SDK we run with."""

_sessions: dict[Any, Any] = {}
_clients: dict[Any, Any] = {}
_loader: list[Any] = []


def service_models() -> Any:
    """The loader of AWS's service models that all sessions of the process share: parsing them is the slow part."""
    if not _loader:
        _loader.append(botocore.loaders.create_loader())
    return _loader[0]


def warm(services: tuple[str, ...]) -> None:
    """Parse the models of these services, so that forks inherit them. No credentials, no connection, no process."""
    models = service_models()
    for service in services:
        models.load_service_model(service, "service-2")
        models.load_service_model(service, "endpoint-rule-set-1")
    for name in ("endpoints", "partitions", "sdk-default-configuration", "_retry"):
        models.load_data(name)


def _session(profile: str | None) -> Any:
    core = botocore.session.get_session()
    core.register_component("data_loader", service_models())
    return boto3.session.Session(botocore_session=core, profile_name=profile)


class Connection:
    """Makes the clients that a task's connection options ask for; sessions and clients are kept for the process."""

    def __init__(self, params: dict[str, Any]) -> None:
        self.params = params

    def fail_json(self, msg: str, **fields: Any) -> None:
        """Called by amazon.aws for contradictory options."""
        raise Failure(msg, **fields)

    def client(self, service: str, attempts: int) -> Any:
        """A boto3 client. Creating one resolves credentials, so it happens in the task's process only."""
        region, endpoint, options = get_aws_connection_info(self)
        profile = options.pop("profile_name", None)
        extra = options.pop("aws_config", None)
        environment = tuple(sorted((name, value) for name, value in os.environ.items() if name.startswith("AWS_")))
        key = (service, attempts, region, endpoint, profile, repr(options), repr(extra), environment)
        if key not in _clients:
            config = Config(
                user_agent_extra="steady.ecs",
                retries={"mode": "standard", "total_max_attempts": attempts},
                connect_timeout=5,
                read_timeout=20,
            )
            try:
                if (profile, environment) not in _sessions:
                    _sessions[profile, environment] = _session(profile)
                _clients[key] = _sessions[profile, environment].client(
                    service,
                    region_name=region,
                    endpoint_url=endpoint,
                    config=config.merge(extra if isinstance(extra, Config) else Config(**extra)) if extra else config,
                    **options,
                )
            except NoRegionError:
                raise Failure(
                    "No Region is known. Declare service_region, or set AWS_REGION.", reason="no_region"
                ) from None
            except (ValueError, TypeError, BotoCoreError) as problem:
                raise Failure(f"No connection to AWS can be made: {problem}", reason="connection") from None
        return _clients[key]


def reading(task: Task, service: str) -> Any:
    """A client for calls that change nothing: the SDK tries up to six times."""
    return task.connection.client(service, READ_ATTEMPTS)


def writing(task: Task, service: str) -> Any:
    """A client for calls that change something: one attempt, then we look at the world."""
    return task.connection.client(service, WRITE_ATTEMPTS)


def region_of(task: Task) -> str:
    """The Region that the task's clients ask, however it was given."""
    return str(reading(task, "ecs").meta.region_name)


def code_of(error: Any) -> str:
    """The error code of a ClientError, such as ``ServiceNotFoundException``."""
    return str(error.response.get("Error", {}).get("Code", ""))


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Turn the SDK's exceptions into a :class:`Failure` with a remedy. ``doing`` names the call in plain words.

    botocore's ParamValidationError quotes the values it was given, and CredentialRetrievalError what a credential
    process printed, so the texts of its exceptions are never passed on.
    """
    try:
        yield
    except ClientError as error:
        raise _refusal(doing, error) from None
    except ParamValidationError:
        raise Failure(
            f"{doing}: the SDK refused the request because a value does not have the type or name that AWS's model "
            "gives it. Compare the declared names with the API reference.",
            reason="invalid_parameters",
        ) from None
    except NoCredentialsError:
        raise Failure(
            f"{doing}: no AWS credentials were found. Set AWS_PROFILE or service_profile, or log in again.",
            reason="no_credentials",
        ) from None
    except EndpointConnectionError as error:
        raise Failure(_nothing_answers(str(error.kwargs.get("endpoint_url", ""))), reason="no_endpoint") from None
    except BotoCoreError as error:
        raise _without_answer(doing, type(error)) from None


def _without_answer(doing: str, kind: type) -> Failure:
    if CREDENTIALS & {each.__name__ for each in kind.__mro__}:
        return Failure(
            f"{doing}: the AWS credentials could not be had ({kind.__name__}). Log in again, or correct the profile "
            "that AWS_PROFILE or service_profile names.",
            reason="no_credentials",
        )
    return Failure(
        f"{doing}: {kind.__name__}: no answer that could be read. Check the network, then run the same command again.",
        reason="no_answer",
    )


def _nothing_answers(url: str) -> str:
    scheme, _separator, rest = url.partition("://")
    host = rest.partition("/")[0].rpartition("@")[2]
    address = f"{scheme}://{host}"
    if "amazonaws.com" in host or host.endswith(".api.aws"):
        return f"Nothing answers at {address}: check the Region's name and the network."
    return f"Nothing answers at {address}: `./steady bed start`, or `-i inventories/production`."


def _refusal(doing: str, error: Any) -> Failure:
    code, message = code_of(error), redact.text(str(error.response.get("Error", {}).get("Message", "")))
    if code in EXPIRED:
        return Failure(
            f"{doing}: the AWS credentials have expired. Log in again, then run the same command.",
            reason="expired_credentials",
            code=code,
        )
    if code in REJECTED:
        return Failure(
            f"{doing}: AWS does not take the credentials ({code}). Log in again, or correct the profile that "
            "AWS_PROFILE or service_profile names.",
            reason="rejected_credentials",
            code=code,
        )
    if code in DENIED:
        return Failure(
            f"{doing}: AWS refused it: {message}. Grant these credentials the right, or use others.",
            reason="access_denied",
            code=code,
        )
    if code in THROTTLED:
        return Failure(
            f"{doing}: {code}: {message}. Others use up the account's rate: run the same command again in a minute.",
            reason="refused",
            code=code,
        )
    return Failure(f"{doing}: {code}: {message}", reason="refused", code=code)
