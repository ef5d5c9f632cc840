# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which URLs may be asked, and at which addresses: a declared URL must not become a way into the network around us."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from ansible_collections.steady.ecs.plugins.module_utils.rules.declaration import DeclarationError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address  # pylint: disable=unsupported-binary-operation  # Python 3.12

PORTS = {"http": 80, "https": 443}
LOCALHOST = "localhost"

_METADATA = ipaddress.ip_network("fd00:ec2::/32")
"""Instance metadata over IPv6 (EC2 user guide); over IPv4 it is link-local."""
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")
"""IPv4 behind a translator (RFC 6052)."""


@dataclass(frozen=True)
class Origin:
    """Where a connection goes. ``host`` is as the URL has it, without brackets."""

    scheme: str
    host: str
    port: int


def origin(url: str, where: str) -> Origin:
    """Where a declared URL points. Raises DeclarationError, without quoting user names, passwords or queries."""
    try:
        parts = urlsplit(url)
        scheme, host, port = parts.scheme.lower(), parts.hostname or "", parts.port
    except ValueError:
        raise DeclarationError(f"{where} is not a URL. Write it like https://example.com/health.") from None
    if scheme not in PORTS or not host:
        raise DeclarationError(f"{where} must be an http or https URL with a host, like https://example.com/health.")
    if parts.username is not None or parts.password is not None:
        raise DeclarationError(f"{where} holds a user name or a password. Remove it: URLs are shown and logged.")
    if any(each.isspace() or not each.isprintable() for each in url):
        raise DeclarationError(f"{where} holds a space or a control character. Write it as %20, %0A and so on.")
    if _address(host) and not allowed(host, [host]):
        raise DeclarationError(f"{where} names an address that is never asked: a link-local one, or one of no host.")
    return Origin(scheme, host, PORTS[scheme] if port is None else port)


def shown(url: str) -> str:
    """A URL as it may be shown: a query may hold a token."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "an address that is no URL"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}{'?...' if parts.query else ''}"


def allowed(host: str, found: Iterable[str]) -> list[str]:
    """Of the addresses that a host resolves to, those that may be connected to.

    Never link-local, multicast or unspecified ones. Loopback and private ones only when the URL itself declares them:
    its host is such an address, or ``localhost`` for loopback. A public name that resolves to a private address may
    have been pointed there by someone else.
    """
    literal = _address(host)
    return [each for each in found if _may(_inner(ipaddress.ip_address(each)), literal is not None, host.lower())]


def is_loopback(host: str) -> bool:
    """Whether a host is this machine itself, by its address or as ``localhost``."""
    literal = _address(host)
    return literal.is_loopback if literal else host.lower() == LOCALHOST


def _may(address: Address, declared: bool, host: str) -> bool:
    if address.is_link_local or address.is_multicast or address.is_unspecified or address in _METADATA:
        return False
    return address.is_global or declared or (address.is_loopback and host == LOCALHOST)


def _address(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _inner(address: Address) -> Address:
    """The IPv4 address that an IPv6 address stands for, where it stands for one."""
    if isinstance(address, ipaddress.IPv6Address):
        translated = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF) if address in _TRANSLATED else None
        return address.ipv4_mapped or address.sixtofour or translated or address
    return address
