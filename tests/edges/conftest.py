# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The edge to AWS against a bed of its own, with the environment of nobody who runs the tests."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.edges import aws

from tests.edges import issuing, providers
from tests.edges.issuing import Keys, Renew
from tests.testbed.beds import Bed, World, running


@pytest.fixture(scope="session")
def shared_bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    with running(tmp_path_factory.mktemp("bed"), "--scale", "0.02", "--engine", "none") as found:
        yield found


@pytest.fixture
def bed(shared_bed: Bed) -> Bed:
    """A bed without faults and without calls so far."""
    shared_bed.admin("POST", "/_bed/reset")
    return shared_bed


@pytest.fixture
def world(bed: Bed) -> World:
    """A service ``web`` that runs."""
    found = World(bed)
    found.create(found.register())
    found.completed(found.service()["taskDefinition"])
    return found


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home: no credentials, no configuration, no client of another test, no shared buckets."""
    for name in [each for each in os.environ if each.startswith(("AWS_", "STEADY_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(aws, "_sessions", {})
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return tmp_path


@pytest.fixture
def keys() -> Keys:
    return Keys()


@pytest.fixture
def server() -> Iterator[providers.Server]:
    """Serve JSON or text on loopback: ``server(answer)`` answers the URL; ``answer(path)`` what is there."""
    with contextlib.ExitStack() as stack:

        def serve(answer: Callable[[str], Any]) -> str:
            class Handler(http.server.BaseHTTPRequestHandler):
                def do_GET(self) -> None:
                    found = answer(self.path)
                    body = (found if isinstance(found, str) else json.dumps(found)).encode()
                    self.send_response(200)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

                do_PUT = do_GET

                def log_message(self, *_args: object) -> None:
                    pass

            made = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
            thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02})
            thread.start()
            stack.callback(made.server_close)
            stack.callback(thread.join)
            stack.callback(made.shutdown)
            return f"http://127.0.0.1:{made.server_port}"

        yield serve


@pytest.fixture(params=["file", "process", "container", "instance", "sso", "sso session", "login"])
def renew(
    request: pytest.FixtureRequest, home: Path, keys: Keys, monkeypatch: pytest.MonkeyPatch, server: providers.Server
) -> Renew:
    """Credentials from one provider, which issues ``keys``."""
    if request.param == "file":
        return issuing.shared_file(home, keys)
    if request.param == "process":
        return issuing.process(home, keys)
    if request.param == "login":
        return providers.login(home, keys, monkeypatch)
    if request.param in providers.MACHINES:
        providers.MACHINES[request.param](keys, monkeypatch, server)
        return keys.renew
    return providers.single_sign_on(home, keys, monkeypatch, server, of_a_session=request.param == "sso session")
