"""How long a word of a call may be, and of which characters: what the API reference says of each member and of Tag."""

import re

from ..wire import AwsError, Params

# A client token "up to 36 ASCII characters" (API reference, CreateService): tools send an empty one for none.
NAME = "[A-Za-z0-9_-]{1,255}"
WORDS = {
    "RegisterTaskDefinition": {"family": NAME},
    "CreateCluster": {"clusterName": NAME},
    "CreateService": {"serviceName": NAME, "clientToken": "[!-~]{0,36}"},
    "RunTask": {"startedBy": "[A-Za-z0-9/_-]{0,128}", "clientToken": "[!-~]{1,64}"},
}
LONGEST_KEY, LONGEST_VALUE, MOST_TAGS = 128, 256, 50


def words(operation: str, p: Params, code: str = "InvalidParameterException") -> None:
    """Of a call that makes something: its names, and the tags that it gives."""
    for name, form in WORDS[operation].items():
        if name in p and not re.fullmatch(form, p[name]):
            raise AwsError(code, f"{name} is too long, or has characters that are not allowed.")
    tags(p.get("tags", []), code)


def tags(given: list[Params], code: str = "InvalidParameterException") -> None:
    keys = [str(each.get("key", "")) for each in given]
    if len(keys) > MOST_TAGS:
        raise AwsError(code, f"The maximum number of tags for a resource is {MOST_TAGS}.")
    if len(set(keys)) < len(keys):
        raise AwsError(code, "Each tag key must be unique.")
    for key, value in zip(keys, [str(each.get("value", "")) for each in given], strict=True):
        if not 0 < len(key) <= LONGEST_KEY or len(value) > LONGEST_VALUE:
            raise AwsError(code, "The key or the value of a tag is too long, or the key is empty.")
        if any(each.lower().startswith("aws:") for each in (key, value)):
            raise AwsError(code, "The prefix aws: is reserved for Amazon Web Services use.")
