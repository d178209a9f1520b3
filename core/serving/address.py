"""The address of this machine in its own network, for people at other machines."""

import socket
from ipaddress import ip_address

_ELSEWHERE = ("192.0.2.1", 9)
"""An address for documentation (RFC 5737): nothing is sent there, but the system says how it would be reached."""


def network_address() -> str | None:
    """The IP address at which machines of the same network reach this one; None where there is no network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(_ELSEWHERE)
        except OSError:
            return None
        address = str(probe.getsockname()[0])
    return None if ip_address(address).is_loopback or ip_address(address).is_unspecified else address


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a host of a URL."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
