# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What gives credentials beside a file and a program: the machine, single sign-on and ``aws login``."""

from __future__ import annotations

import datetime
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import botocore.credentials
import botocore.tokens
import pytest

from tests.edges.issuing import HOUR, Keys, Renew, in_an_hour

Server = Callable[[Callable[[str], Any]], str]
"""Serves what a function answers to a path; its URL."""


def container(keys: Keys, monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", server(keys.as_metadata) + "/credentials")


def instance(keys: Keys, monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    told = {"/latest/api/token": "token", "/latest/meta-data/iam/security-credentials/": "deployer"}
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "false")
    monkeypatch.setenv(
        "AWS_EC2_METADATA_SERVICE_ENDPOINT", server(lambda path: told.get(path) or keys.as_metadata(path))
    )


MACHINES = {"container": container, "instance": instance}


def single_sign_on(
    home: Path, keys: Keys, monkeypatch: pytest.MonkeyPatch, server: Server, of_a_session: bool
) -> Renew:
    """As ``aws sso login`` leaves it, in the older form of a profile and in that with an ``sso-session``."""
    start = "https://example.awsapps.com/start"
    cache = home / ".aws/sso/cache"
    cache.mkdir(parents=True)
    token = {"startUrl": start, "region": "us-east-1", "accessToken": "t", "expiresAt": in_an_hour()}
    named = "corporate" if of_a_session else start
    (cache / f"{hashlib.sha1(named.encode()).hexdigest()}.json").write_text(json.dumps(token))
    where = f"sso_start_url = {start}\nsso_region = us-east-1\n"
    role = "sso_account_id = 000000000000\nsso_role_name = deployer\n"
    old = f"[default]\n{where}{role}"
    new = f"[default]\nsso_session = {named}\n{role}[sso-session {named}]\n{where}"
    (home / "config").write_text(new if of_a_session else old)

    def role_credentials(_path: str) -> Any:
        end = (datetime.datetime.now().timestamp() + HOUR) * 1000
        told = {"accessKeyId": keys.key, "secretAccessKey": "x", "sessionToken": "t", "expiration": int(end)}
        return {"roleCredentials": told}

    monkeypatch.setenv("AWS_ENDPOINT_URL_SSO", server(role_credentials))
    # botocore takes the folder from HOME when it is imported.
    for reader in (botocore.credentials.SSOProvider, botocore.tokens.SSOTokenProvider):
        monkeypatch.setattr(reader, "_SSO_TOKEN_CACHE_DIR", str(cache))
    return keys.renew


def login(home: Path, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> Renew:
    """As ``aws login`` leaves it, where the extra ``crt`` of botocore is installed, which signs its renewals only."""
    session = "arn:aws:iam::000000000000:user/ada"
    cache = home / ".aws/login/cache"
    cache.mkdir(parents=True)
    monkeypatch.setenv("AWS_LOGIN_CACHE_DIRECTORY", str(cache))
    monkeypatch.setattr(botocore.credentials, "EC", object())
    (home / "config").write_text(f"[default]\nlogin_session = {session}\n")

    def write() -> None:
        issued = {"accessKeyId": keys.key, "secretAccessKey": "x", "sessionToken": "t", "accountId": "000000000000"}
        told = {
            "accessToken": {**issued, "expiresAt": in_an_hour()},
            "refreshToken": "r",
            "dpopKey": "k",
            "clientId": "c",
        }
        (cache / f"{hashlib.sha256(session.encode()).hexdigest()}.json").write_text(json.dumps(told))

    def renew() -> None:
        keys.renew()
        write()

    write()
    return renew
