"""The bed's clock as clients meet it: signatures of another time are refused, and each answer carries a Date."""

import datetime as dt
import time
from email.utils import formatdate

from .calls import Call
from .wire import Answer, failure

STAMP = "%Y%m%dT%H%M%SZ"
TOLERANCE = 5  # minutes: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html
S3_TOLERANCE = 15  # minutes: RequestTimeTooSkewed, https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html


class Clock:
    def __init__(self) -> None:
        self.ahead = 0.0  # seconds that AWS is ahead of this machine; the timestamps inside answers stay true

    def date(self) -> str:
        """For the Date header."""
        return formatdate(time.time() + self.ahead, usegmt=True)

    def refusal(self, call: Call, date: str) -> Answer | None:
        """The refusal of a request whose X-Amz-Date is too far from this clock, in AWS's words; None: near enough."""
        try:
            signed = dt.datetime.strptime(date, STAMP).replace(tzinfo=dt.UTC)
        except ValueError:
            return None  # presigned, or by hand
        now = dt.datetime.fromtimestamp(time.time() + self.ahead, dt.UTC)
        tolerance = dt.timedelta(minutes=S3_TOLERANCE if call.service == "s3" else TOLERANCE)
        if abs(now - signed) <= tolerance:
            return None
        if call.service == "s3":
            text = "The difference between the request time and the current time is too large."
            return failure(call.protocol, "RequestTimeTooSkewed", text, 403)
        if signed < now:
            limit, sign, words = now - tolerance, "-", "Signature expired: {} is now earlier than"
        else:
            limit, sign, words = now + tolerance, "+", "Signature not yet current: {} is still later than"
        text = f"{words.format(date)} {limit:{STAMP}} ({now:{STAMP}} {sign} {TOLERANCE} min.)"
        if call.protocol == "json":
            return failure("json", "InvalidSignatureException", text, 400)
        return failure(call.protocol, "SignatureDoesNotMatch", text, 403)
