# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Credentials that can be had anew while a task waits, from whatever provider they came (case C78).

The SDK reads its configuration once a session. A wait outlives that: somebody logs in again and a file is written
anew. So the resolved credentials stand behind an object that resolves them once more when they have expired.
"""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules import refusals

try:
    import botocore.session
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.utils import parse_timestamp
except ImportError:
    BotoCoreError = ClientError = Exception

IN_FILES = {"shared-credentials-file", "config-file"}
"""Providers (botocore's names) whose credentials somebody writes into a file."""
LASTING = {"env", "explicit", "container-role", "iam-role"}
"""Providers (botocore's names) that give every process of a run the same identity: its environment, or the machine."""
FAULTS = (OSError, ValueError, LookupError, EOFError, AttributeError, TypeError)
"""What providers raise beside the SDK's own exceptions: a helper or a token file is not there, an answer is no JSON or
other JSON than agreed, nobody can type a code for MFA."""
ENDS = ("aws_expiration", "x_security_token_expires", "expiration")
"""Keys in which tools that write credentials into a profile note their end (aws-azure-login, saml2aws, aws-vault)."""


@dataclass(frozen=True)
class Found:
    """What a provider gave."""

    credentials: Any
    end: float | None = None
    """When they end, in seconds since 1970, unless somebody writes new ones; None where the provider renews them
    itself, or does not tell."""


def load(loader: Any, profile: str | None, region: str | None) -> Found | None:
    """Credentials resolved by a session of their own, so that every file is read anew; None when there are none.

    ``region``: where a role is assumed, unless the profile says it. Raises Failure ``no_credentials``.
    """
    core = botocore.session.Session(profile=profile)
    if region:
        core.set_config_variable("region", region)
    core.register_component("data_loader", loader)
    with _named(BotoCoreError, *FAULTS):
        found = core.get_credentials()
        return None if found is None else Found(found, _end(core, found))


@contextmanager
def _named(*faults: type[Exception]) -> Iterator[None]:
    """What a provider raises, as a Failure that says its type alone: its text quotes what a credential process or an
    endpoint has answered."""
    try:
        yield
    except faults as problem:
        raise refusals.without_credentials("Asking who we are", type(problem).__name__) from None


def _end(core: Any, found: Any) -> float | None:
    if found.method == "env":
        end = getattr(found, "_expiry_time", None)  # of AWS_CREDENTIAL_EXPIRATION; botocore has no public name for it
        return None if end is None else float(end.timestamp())
    profiles = core.full_config.get("profiles", {})
    noted = profiles.get(core.profile or "default", {})
    if found.method == "assume-role":  # each task assumes it anew, with what the source profile has
        noted = profiles.get(noted.get("source_profile"), {})
    elif found.method not in IN_FILES:
        return None
    for name in ENDS:
        try:
            end = parse_timestamp(noted[name])
        except (KeyError, ValueError):
            continue
        return float((end if end.tzinfo else end.replace(tzinfo=datetime.UTC)).timestamp())
    return None


class Provider:
    """botocore's component ``credential_provider``, for one session."""

    def __init__(self, resolve: Callable[[], Found | None]) -> None:
        self._resolve = resolve

    def load_credentials(self) -> Renewable | None:
        """What the session signs with; None when nothing tells who we are."""
        found = self._resolve()
        return None if found is None else Renewable(found, self._resolve)


class Renewable:
    """Stands where botocore has a Credentials object."""

    def __init__(self, found: Found, resolve: Callable[[], Found | None]) -> None:
        self._found, self._resolve = found, resolve

    def __getattr__(self, name: str) -> Any:
        return getattr(self._found.credentials, name)

    def get_frozen_credentials(self) -> Any:
        """What a request is signed with. Raises Failure when the provider has none, or only expired ones, even after
        renewal."""
        try:
            return self._found.credentials.get_frozen_credentials()
        except (RuntimeError, BotoCoreError, ClientError, *FAULTS):
            # What the provider read when it was made may be outdated: a source profile that was renewed since.
            self.renew()
        try:
            with _named(*FAULTS):
                return self._found.credentials.get_frozen_credentials()
        except RuntimeError:
            # botocore's word for "refreshed, and expired all the same" (RefreshableCredentials).
            raise refusals.expired("Signing a request") from None

    def renew(self) -> None:
        """Resolve them once more. What there was stays when nothing is found."""
        self._found = self._resolve() or self._found

    @property
    def may_change(self) -> bool:
        """Whether the next process may find somebody else's: who calls stands in a file, or a program tells it."""
        return self._found.credentials.method not in LASTING

    def seconds_left(self) -> float | None:
        """Seconds until they end, where nothing renews them and their end is known; else None."""
        return None if self._found.end is None else self._found.end - time.time()
