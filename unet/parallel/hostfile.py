"""The hosts that ranks may be started on: one `HOST:SLOTS` a line."""

from __future__ import annotations

from dataclasses import dataclass

from unet.system.errors import UsageError


@dataclass(frozen=True)
class Host:
    """One line of the hostfile."""

    name: str
    slots: int


def parse_hostfile(text: str, name: str) -> tuple[Host, ...]:
    """The hosts of a hostfile: one `HOST` or `HOST:SLOTS` a line, # for comments.

    Raises:
        UsageError: a line is not of that form, a host comes twice, or there is none.
    """
    hosts: list[Host] = []
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.partition("#")[0].strip()
        if not words:
            continue
        host, _, slots = words.partition(":")
        if not host or " " in words or (slots and not (slots.isdigit() and int(slots) > 0)):
            raise UsageError(f"{name}: line {number}", repr(words), "write HOST:SLOTS")
        if host in {known.name for known in hosts}:
            raise UsageError(f"{name}: line {number}", f"{host} a second time", "name it once")
        hosts.append(Host(host, int(slots or 1)))
    if not hosts:
        raise UsageError(name, "no host in it", "write one HOST:SLOTS a line")
    return tuple(hosts)
