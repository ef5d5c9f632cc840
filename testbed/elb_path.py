"""LocalStack's way to a load balancer: /_aws/elb/NAME/path on the API's own port.

https://docs.localstack.cloud/aws/services/elb/ : for clients that reach nothing but that port. The answer is read
whole before it is passed on; whoever wants a stream uses the load balancer's own address.
"""

import http.client
import re
from collections.abc import Iterable, Mapping
from contextlib import closing

from .elbv2 import Elbv2
from .forwarding import end_to_end
from .wire import Answer

PATH = re.compile(r"/_aws/elb/([^/?]+)(.*)", re.DOTALL)
SECONDS = 60


def answer(apis: Iterable[Elbv2], environ: Mapping[str, str], body: bytes) -> Answer:
    """The answer of the balancer's first listener to a WSGI request whose path begins with /_aws/elb/.

    404 if no balancer of that name has a listener, 502 if it does not answer within a minute.
    """
    target = environ.get("REQUEST_URI") or environ["PATH_INFO"]
    found = PATH.fullmatch(target)
    where = _entrance(apis, found[1]) if found else None
    if not found or not where:
        return 404, [("Content-Type", "text/plain")], f"no load balancer with a listener at {target}\n".encode()
    path = found[2] if found[2].startswith("/") else f"/{found[2]}"
    headers = {k[5:].replace("_", "-").title(): v for k, v in environ.items() if k.startswith("HTTP_")}
    if environ.get("CONTENT_TYPE"):
        headers["Content-Type"] = environ["CONTENT_TYPE"]
    try:
        with closing(http.client.HTTPConnection(*where, timeout=SECONDS)) as connection:
            connection.request(environ["REQUEST_METHOD"], path, body or None, dict(end_to_end(list(headers.items()))))
            response = connection.getresponse()
            return response.status, end_to_end(response.getheaders()), response.read()
    except (OSError, http.client.HTTPException) as e:
        return 502, [("Content-Type", "text/plain")], f"the load balancer {found[1]} did not answer: {e}\n".encode()


def _entrance(apis: Iterable[Elbv2], name: str) -> tuple[str, int] | None:
    for api in apis:
        named = {balancer.arn: balancer for balancer in list(api.balancers.values()) if balancer.name == name}
        for listener in list(api.listeners.values()):
            if listener.balancer in named:
                return named[listener.balancer].address, listener.port
    return None
