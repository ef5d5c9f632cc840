# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Clients for AWS, and the words for what can go wrong between us and it."""

from __future__ import annotations

import datetime
import logging
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.botocore import get_aws_connection_info
from ansible_collections.steady.ecs.plugins.module_utils.edges import credentials, pace, transport
from ansible_collections.steady.ecs.plugins.module_utils.rules import addresses, redact, refusals
from ansible_collections.steady.ecs.plugins.module_utils.rules.declaration import DeclarationError
from ansible_collections.steady.ecs.plugins.module_utils.rules.lease import LONGEST_CALL, call_limit
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure, Lease, Task

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

CONNECT_PART = 5
"""A fifth of a call's time is for connecting: 5 s of 25."""

CREDENTIALS = {
    *("CredentialRetrievalError", "PartialCredentialsError", "UnknownCredentialError", "InfiniteLoopConfigError"),
    *("SSOError", "LoginError", "TokenRetrievalError", "NoAuthTokenError", "RefreshWithMFAUnsupportedError"),
    *("ProfileNotFound", "MetadataRetrievalError"),
}
"""The SDK's exceptions about what says who we are; by name, for some are younger than the oldest SDK we run with."""

KEYS = {
    "aws_access_key_id": "access key",
    "aws_secret_access_key": "secret key",
    "aws_session_token": "session token",
}
"""What somebody gives by hand: the options of a client, in capitals the variables of the environment; and their names
for people."""
IDENTIFYING = {"AssumeRole", "AssumeRoleWithWebIdentity", "AssumeRoleWithSAML", "GetRoleCredentials", "CreateToken"}
"""Calls that the SDK makes on the way to credentials: when they are refused, no other call can be made."""

_sessions: dict[Any, Any] = {}
_loader: list[Any] = []
_fresh: list[Any] = []
"""One session that nobody has used: making it is half the price of a task's first client, so forks inherit it."""


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
    _fresh[:] = [_core()]


def _core() -> Any:
    """A session of the SDK's as it is before it has read anything: environment, files and who we are come later.

    What the SDK logs goes nowhere: it writes what a credential process printed, and Ansible's ``log_path`` is the file
    of the process that the task runs in.
    """
    logging.getLogger("botocore").propagate = False
    core = botocore.session.get_session()
    core.register_component("data_loader", service_models())
    return core


def _session(profile: str | None, region: str | None) -> Any:
    core = _fresh.pop() if _fresh else _core()
    core.register_component(
        "credential_provider", credentials.Provider(lambda: credentials.load(_loader[0], profile, region))
    )
    return boto3.session.Session(botocore_session=core, profile_name=profile)


class Connection:
    """Makes the clients that a task's connection options ask for. Sessions are kept for the process."""

    def __init__(self, params: dict[str, Any], say: Callable[[str], None] = lambda _line: None) -> None:
        """``say`` shows a line while a call waits for its turn."""
        self.params = params
        self.say = say
        self.lease: Lease | None = None
        """What the writing clients that are made from now on are held to."""
        self.at_renewal: Callable[[], object] = lambda: None
        """Called when credentials were had anew, before the request is sent again: whether they are the same one's."""
        self._clients: dict[Any, Any] = {}

    def fail_json(self, msg: str, **fields: Any) -> None:
        """Called by amazon.aws for contradictory options."""
        raise Failure(msg, **fields)

    def client(self, service: str, attempts: int) -> Any:
        """A boto3 client. Creating one resolves credentials, so it happens in the task's process only."""
        lease = self.lease if attempts == WRITE_ATTEMPTS else None
        environment = tuple(sorted((name, value) for name, value in os.environ.items() if name.startswith("AWS_")))
        key = (service, attempts, id(lease), environment)
        if key not in self._clients:
            self._clients[key] = self._made(service, _config(attempts, lease), environment, lease)
        return self._clients[key]

    def _made(self, service: str, config: Any, environment: Any, lease: Lease | None) -> Any:
        region, endpoint, options = get_aws_connection_info(self)
        profile = options.pop("profile_name", None)
        extra = options.pop("aws_config", None)
        if endpoint:  # only AWS's own endpoints have a host name for each bucket
            config = config.merge(Config(s3={"addressing_style": "path"}))
        try:
            who = (profile, region, environment)
            if who not in _sessions:
                _sessions[who] = _session(profile, region)
            client = _sessions[who].client(
                service,
                region_name=region,
                endpoint_url=endpoint,
                config=extra.merge(config) if extra else config,
                **options,
            )
        except NoRegionError:
            raise Failure(
                "No Region is known. Declare service_region, or set AWS_REGION.", reason="no_region"
            ) from None
        except BotoCoreError as problem:
            said = redact.without_user_info(str(problem))
            raise Failure(f"No connection to AWS can be made: {said}", reason="connection") from None
        except (ValueError, TypeError):  # their texts quote the address, and a password in it
            raise _no_address("The connection's options have no form") from None
        try:
            addresses.origin(client.meta.endpoint_url, "The endpoint")
        except DeclarationError as wrong:
            raise _no_address(wrong.msg.rstrip(".")) from None
        if unclean := _unclean(client, options):
            raise Failure(
                f"The {unclean} has a space or a line end in it, as when it was read from a file with its last line "
                "end. Give it without.",
                reason="rejected_credentials",
            )
        turns = pace.of(self._owner(profile), client.meta.region_name, client.meta.endpoint_url)
        # pylint: disable-next=unnecessary-lambda  # a task may take over the connection, and its lines go there then
        transport.Transport(turns, lambda line: self.say(line), lease, lambda: self.at_renewal()).attach(client)
        return client

    def _owner(self, profile: str | None) -> str | None:
        """What tells the account from others, where it is not declared: only AWS could say which it is."""
        named = self.params.get("account") or profile or self.params.get("access_key")
        return named or next(
            filter(None, map(os.environ.get, ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_ROLE_ARN"))), None
        )


def _no_address(wrong: str) -> Failure:
    return Failure(
        f"No connection to AWS can be made. {wrong}. Correct service_endpoint_url, or AWS_ENDPOINT_URL in the "
        "environment; AWS's own endpoints need neither.",
        reason="connection",
    )


def _unclean(client: Any, options: dict[str, Any]) -> str:
    """Which part of the credentials no request can carry, of those that are given in ``options`` or by the environment.
    The SDK's own objects are not asked for them, for they would renew what they have."""
    method = getattr(client._request_signer._credentials, "method", "")
    given = {"explicit": options, "env": {name.lower(): text for name, text in os.environ.items()}}.get(method, {})
    return next((name for key, name in KEYS.items() if re.search(r"\s", given.get(key) or "")), "")


def _config(attempts: int, lease: Lease | None) -> Any:
    """Settings of a client. A write's time-outs fit into what its lease allows for one call."""
    longest = call_limit(lease.ttl) if lease else LONGEST_CALL
    connect = longest / CONNECT_PART
    return Config(
        user_agent_extra="steady.ecs",
        retries={"mode": "standard", "total_max_attempts": attempts},
        connect_timeout=connect,
        read_timeout=longest - connect,
    )


def reading(task: Task, service: str) -> Any:
    """A client for calls that change nothing: the SDK tries up to six times."""
    return task.connection.client(service, READ_ATTEMPTS)


def writing(task: Task, service: str) -> Any:
    """A client for calls that change something: one attempt, held to the task's lease, then we look at the world."""
    task.connection.lease = task.lease
    return task.connection.client(service, WRITE_ATTEMPTS)


def share(task: Task) -> int | None:
    """Percent of AWS's limits that the task's calls may use; None where there are no limits."""
    return pace.share(reading(task, "ecs").meta.endpoint_url)


def seconds_left(task: Task) -> float | None:
    """Seconds until the credentials end, where nothing renews them and their end is known; else None. Asks nobody."""
    found = reading(task, "sts")._request_signer._credentials
    return found.seconds_left() if isinstance(found, credentials.Renewable) else None


def may_be_another(task: Task) -> bool:
    """Whether who calls can be another one in each task of a run. Asks nobody."""
    found = reading(task, "ecs")._request_signer._credentials
    return isinstance(found, credentials.Renewable) and found.may_change


def region_of(task: Task) -> str:
    """The Region that the task's clients ask, however it was given."""
    return str(reading(task, "ecs").meta.region_name)


def code_of(error: Any) -> str:
    """The error code of a ClientError, such as ``ServiceNotFoundException``."""
    return str(error.response.get("Error", {}).get("Code", ""))


def status_of(error: Any) -> int:
    """The HTTP status of a ClientError's answer; 0 where none is known."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Turn the SDK's exceptions into a :class:`Failure` with a remedy. ``doing`` names the call in plain words.

    botocore's ParamValidationError quotes the values it was given, and CredentialRetrievalError what a credential
    process printed, so the texts of its exceptions are never passed on.
    """
    try:
        yield
    except ClientError as error:
        refused = _refusal(doing, error)
        if error.operation_name in IDENTIFYING:
            refused.fields["cut_off"] = True
        raise refused from None
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
        return refusals.without_credentials(doing, kind.__name__)
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
    headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    offset = refusals.offset_of(headers.get("date"), datetime.datetime.now(datetime.UTC))
    return refusals.refusal(doing, code_of(error), str(error.response.get("Error", {}).get("Message", "")), offset)
