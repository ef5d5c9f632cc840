"""moto, which answers every service that the bed does not have.

Its imports are a third of the bed's start and what comes first is nearly always ECS: it is loaded once the bed answers.
"""

import os
import threading
from collections.abc import Callable, Iterable
from typing import Any

from .slots import ACCOUNT

WsgiApplication = Callable[..., Iterable[bytes]]


class MotoServer:
    """moto's WSGI application. Loads itself at the first request, or before it in whatever thread calls `load`."""

    def __init__(self) -> None:
        self._loading = threading.Lock()
        self._application: WsgiApplication | None = None

    def load(self) -> WsgiApplication:
        with self._loading:
            self._application = self._application or _imported()
            return self._application

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        return (self._application or self.load())(environ, start_response)


def _imported() -> WsgiApplication:
    os.environ["MOTO_ACCOUNT_ID"] = ACCOUNT  # read when moto is imported
    from moto.server import DomainDispatcherApplication, create_backend_app

    def service(name: str) -> Any:
        """A defect in it is answered with 500 and never reaches the bed's threads."""
        application = create_backend_app(name)
        application.config["PROPAGATE_EXCEPTIONS"] = False
        return application

    application: WsgiApplication = DomainDispatcherApplication(service)
    return application
