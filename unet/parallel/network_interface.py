"""The network interface by which this machine is seen from another."""

from __future__ import annotations

import socket

import psutil


def address_towards(host: str) -> str | None:
    """The address by which `host` can reach this machine; None when its name is unknown."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, 22, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind) as probe:
            probe.connect(address)  # a datagram socket sends nothing by that
            return str(probe.getsockname()[0])
    except OSError:
        return None


def interface_of(address: str) -> str | None:
    """The network interface that holds an address; None when no single one does."""
    for name, entries in psutil.net_if_addrs().items():
        if any(entry.address == address for entry in entries):
            return name
    return None


def interface_towards(host: str) -> str | None:
    """The network interface by which `host` is reached; None when its name is unknown."""
    address = address_towards(host)
    return interface_of(address) if address else None
