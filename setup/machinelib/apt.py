"""What apt would do: read from its own simulation, before anything is asked for or done."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass

ENVIRONMENT = {"LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
INSTALL = ("apt-get", "install", "--no-install-recommends", "--no-upgrade")
INST = re.compile(r"^Inst (?P<name>\S+)(?: \[(?P<old>\S+)\])? \((?P<new>\S+) ")
REMOVED = re.compile(r"^(?:Remv|Purg) (\S+)")


class AptError(Exception):
    """apt cannot do it; the text is its own last line."""


@dataclass(frozen=True)
class Package:
    """One package that would come.

    Args:
        name: as apt spells it.
        version: what would be there.
        replaces: the version that is there today; empty when there is none.
        download: bytes to fetch.
        disk: bytes on disk.
    """

    name: str
    version: str
    replaces: str = ""
    download: int = 0
    disk: int = 0


@dataclass(frozen=True)
class Plan:
    """What would change on this machine."""

    added: tuple[Package, ...]
    changed: tuple[Package, ...]
    removed: tuple[str, ...]

    @property
    def download(self) -> int:
        """Bytes to fetch."""
        return sum(package.download for package in self.added + self.changed)

    @property
    def disk(self) -> int:
        """Bytes on disk of what is new."""
        return sum(package.disk for package in self.added)


def simulate(packages: list[str]) -> Plan:
    """What `apt-get install` would do with the lists that this machine has now.

    Raises:
        AptError: it would refuse.
    """
    return _with_sizes(read_simulation(_run([*INSTALL, "-s", *packages])))


def read_simulation(text: str) -> Plan:
    """The plan in the output of `apt-get -s`, sizes unknown."""
    found = [
        Package(m["name"], m["new"], m["old"] or "") for m in map(INST.match, _lines(text)) if m
    ]
    return Plan(
        added=tuple(package for package in found if not package.replaces),
        changed=tuple(package for package in found if package.replaces),
        removed=tuple(m[1] for m in map(REMOVED.match, _lines(text)) if m),
    )


def install(packages: list[str]) -> None:
    """Adds packages; what is installed keeps its version, apt's output is shown.

    Raises:
        AptError: it did not work.
    """
    command = [*INSTALL, "-q", "-y", "--no-remove", *packages]
    if subprocess.run(command, env=os.environ | ENVIRONMENT, check=False).returncode:
        raise AptError(f"{' '.join(command)} failed; its own lines are above")


def update() -> None:
    """Renews apt's lists.

    Raises:
        AptError: a source does not answer.
    """
    _run(["apt-get", "update", "-q"])


def _with_sizes(plan: Plan) -> Plan:
    wanted = [f"{package.name}={package.version}" for package in plan.added + plan.changed]
    if not wanted:
        return plan
    sizes = read_sizes(_run(["apt-cache", "show", "--no-all-versions", *wanted]))

    def sized(package: Package) -> Package:
        download, disk = sizes.get(package.name.split(":")[0], (0, 0))
        return Package(package.name, package.version, package.replaces, download, disk)

    return Plan(tuple(map(sized, plan.added)), tuple(map(sized, plan.changed)), plan.removed)


def read_sizes(text: str) -> dict[str, tuple[int, int]]:
    """Bytes to fetch and on disk by package, from the stanzas of `apt-cache show`."""
    sizes = {}
    for stanza in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in stanza.splitlines() if ": " in line)
        if "Package" in fields:
            disk = 1024 * int(fields.get("Installed-Size", 0))
            sizes[fields["Package"]] = (int(fields.get("Size", 0)), disk)
    return sizes


def _lines(text: str) -> list[str]:
    return text.splitlines()


def _run(command: list[str]) -> str:
    done = subprocess.run(
        command, env=os.environ | ENVIRONMENT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise AptError(f"{' '.join(command[:2])}: {said[-1] if said else 'failed'}")
    return done.stdout
