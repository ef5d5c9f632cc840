# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an error code of AWS means, and the words for it: what was asked, what was answered, what to type next."""

from __future__ import annotations

import datetime
import email.utils
import re
from typing import Any

from ansible_collections.steady.ecs.plugins.module_utils.rules import redact
from ansible_collections.steady.ecs.plugins.module_utils.work import Failure

EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired"}
REJECTED = {"InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch", "InvalidSignatureException"}
DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"}
THROTTLED = {
    *("Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled", "RequestThrottledException"),
    *("RequestLimitExceeded", "TooManyRequestsException", "BandwidthLimitExceeded", "SlowDown"),
}
"""AWS turned the call away unread (botocore's own list, botocore/retries/standard.py)."""
UNAVAILABLE = {
    *("InternalError", "InternalFailure", "InternalServerError", "InternalServerException"),
    *("RequestTimeout", "RequestTimeoutException", "ServerException"),
    *("ServiceUnavailable", "ServiceUnavailableException", "500", "502", "503", "504"),
}
"""Codes of answers with a 5xx status (ECS and Elastic Load Balancing API references, common errors). Of a write they
say nothing about whether it was carried out."""

CLOCK = {"RequestTimeTooSkewed", "RequestExpired"}
NOT_INSTALLED = "MissingDependencyException"
"""What botocore's login provider raises where its extra ``crt`` is not installed."""
UNSIGNED = re.compile(r"Signature (?:expired|not yet current)")
"""How a refusal for the time in a request's signature begins: it may be off by five minutes (Signature Version 4,
"Troubleshoot Signature Version 4 signing for AWS API requests", IAM user guide); S3 has a code of its own."""
SKEW = 240
"""Seconds from which a clock is the likely reason why a signature is refused."""
ACTIONS = re.compile(r"\b[a-z0-9-]+:[A-Z]\w+")
PERFORM = re.compile(r"perform: ([a-z0-9-]+:\w+)")
POLICIES = "docs/iam"
ONE_EACH = f"{POLICIES} has one policy for each playbook"

UNUSABLE_ROLE = re.compile(
    r"unable to assume (?:the )?role|role\b.{0,300}\b(?:is invalid or cannot|cannot|could not) be assumed"
    r"|role is not valid",
    re.IGNORECASE | re.DOTALL,
)
"""What ECS says of a role that it cannot use, which may be one that was made a moment ago (case C86)."""
ROLE = re.compile(r"arn:aws[\w-]*:iam::\d{12}:role/[\w+=,.@/-]+")


def refusal(doing: str, code: str, message: str, offset: float | None = None) -> Failure:
    """The Failure for an error answer. ``doing`` names the call in plain words and the actions in brackets.

    ``offset``: seconds that this machine's clock is ahead of AWS's, as far as the answer told.
    """
    message = redact.text(message)
    if _is_clock(code, message, offset):
        return Failure(f"{doing}: {_clock(offset)}", reason="wrong_clock", code=code)
    if code in EXPIRED:
        return expired(doing, code=code)
    if code in REJECTED:
        return Failure(
            f"{doing}: AWS does not take the credentials ({code}). Log in again, or correct the profile that "
            "AWS_PROFILE or service_profile names.",
            reason="rejected_credentials",
            code=code,
        )
    if code in DENIED:
        return Failure(
            f"{doing}: AWS refused it: {message}. {_right(doing, message)}", reason="access_denied", code=code
        )
    if code in THROTTLED:
        return Failure(
            f"{doing}: {code}: {message}. Others use up the account's rate: run the same command again in a minute.",
            reason="refused",
            code=code,
        )
    return Failure(f"{doing}: {code}: {message}", reason="refused", code=code)


def tells_why(failure: Failure) -> bool:
    """Whether AWS's own words say which right is missing, so that no guess of ours may stand in their place."""
    return failure.fields.get("code") in DENIED and bool(PERFORM.search(failure.msg))


def naming(check: dict[str, Any], playbook: str) -> dict[str, Any]:
    """A check whose words name the policy of the playbook that runs, where they name the folder of all policies."""
    told = f"{POLICIES}/{playbook}.json has it"
    return {name: each.replace(ONE_EACH, told) if isinstance(each, str) else each for name, each in check.items()}


def expired(doing: str, **fields: Any) -> Failure:
    """The Failure for credentials that have expired, and that nobody has renewed."""
    return Failure(
        f"{doing}: the AWS credentials have expired. Log in again, then run the same command.",
        reason="expired_credentials",
        **fields,
    )


def without_credentials(doing: str, kind: str) -> Failure:
    """The Failure for a provider that gives none. ``kind``: type of what it raised, which alone quotes nothing."""
    if kind == NOT_INSTALLED:
        return Failure(
            f"{doing}: the profile is of `aws login`, and the SDK reads its session with the CRT, which is not "
            "installed. Where Ansible runs, type pip install 'botocore[crt]'; or name a profile of another kind "
            "(AWS_PROFILE, service_profile).",
            reason="no_credentials",
        )
    return Failure(
        f"{doing}: the AWS credentials could not be had ({kind}). Log in again, or correct the profile that "
        "AWS_PROFILE or service_profile names: its helper has to be there and to answer, and a task cannot type a code "
        "for MFA (get a session before, as with `aws sts get-session-token`).",
        reason="no_credentials",
    )


def offset_of(date: str | None, now: datetime.datetime) -> float | None:
    """Seconds that ``now`` is ahead of the text of an HTTP Date header; None where there is none that can be read."""
    try:
        there = email.utils.parsedate_to_datetime(date or "")
    except ValueError:
        return None
    return (now - (there if there.tzinfo else there.replace(tzinfo=datetime.UTC))).total_seconds()


def unusable_role(failure: Failure) -> bool:
    """Whether ECS cannot use a role that it was given: for a new one that passes (case C86)."""
    return failure.fields.get("reason") == "refused" and bool(UNUSABLE_ROLE.search(failure.msg))


def of_role(failure: Failure, roles: list[str], waited: float) -> Failure:
    """The Failure for a role that stays unusable. ``roles``: those that the call named, for AWS may not say which."""
    named = sorted(set(ROLE.findall(failure.msg))) or sorted({each for each in roles if each})
    said = " or ".join(named) or "a role"
    return Failure(
        f"{failure.msg.rstrip('.')}. The cause is {said}: for {waited:.0f} s ECS could not use it. Check that it "
        "exists and that its trust policy lets ecs-tasks.amazonaws.com assume it, then run the same command again.",
        **{**failure.fields, "reason": "unusable_role", "roles": named},
    )


def _right(doing: str, message: str) -> str:
    """What to grant: the action that AWS names, or else those that the call needs."""
    actions = PERFORM.findall(message)[:1] or ACTIONS.findall(doing)
    if not actions:
        return f"Grant these credentials the right (policies: {POLICIES}), or use others."
    return f"Grant these credentials {', '.join(actions)}: {ONE_EACH}. Or use others."


def _is_clock(code: str, message: str, offset: float | None) -> bool:
    far = offset is not None and abs(offset) >= SKEW
    return code == "RequestTimeTooSkewed" or bool(UNSIGNED.search(message)) or (code in CLOCK | REJECTED and far)


def _clock(offset: float | None) -> str:
    off = "is wrong"
    if offset is not None and abs(offset) >= 1:
        off = f"is {_duration(abs(offset))} {'ahead of' if offset > 0 else 'behind'} AWS's"
    return (
        f"AWS refused the signature, for this machine's clock {off}. This call changed nothing. Set the clock "
        "(`timedatectl set-ntp true`), then run the same command again."
    )


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
