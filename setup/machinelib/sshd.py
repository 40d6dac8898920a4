"""An SSH server for tests/mpi, unpacked in a folder of its own: the machine's services stay.

apt fetches and checks the packages, `dpkg -x` unpacks them; nothing is registered, started or
configured.  What the server needs of libraries that the machine lacks comes the same way.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from .needs import find
from .text import Problem

ROUNDS = 4
"""How deep libraries may need further libraries."""


@dataclass(frozen=True)
class Server:
    """A server that runs.

    Args:
        program: sshd's absolute path, which it needs to start its sessions.
        libraries: a folder for LD_LIBRARY_PATH; None where the machine has all.
    """

    program: Path
    libraries: Path | None

    @property
    def environment(self) -> dict[str, str]:
        """What must be set for it; its sessions do not inherit it."""
        return {"LD_LIBRARY_PATH": str(self.libraries)} if self.libraries else {}


def server(cache: Path) -> Server:
    """The unpacked server, fetched when the cache lacks it; else the machine's own.

    Raises:
        Problem: neither is to be had.
    """
    folder = cache / "sshd"
    unpacked = of_folder(folder)
    if not missing_libraries(unpacked):
        return unpacked
    own = find("sshd")
    try:
        fetch(folder)
    except (OSError, subprocess.CalledProcessError) as error:
        if own:
            return Server(Path(own), None)
        said = (getattr(error, "stderr", "") or str(error)).strip().splitlines()[-1]
        raise Problem(f"openssh-server could not be fetched: {said}; check apt's sources") from None
    if lost := missing_libraries(unpacked):
        if own:
            return Server(Path(own), None)
        raise Problem(f"{unpacked.program}: lacks {', '.join(lost)}; install openssh-server")
    return unpacked


def of_folder(folder: Path) -> Server:
    """The server that `fetch` leaves in a folder."""
    triplet = f"{os.uname().machine}-linux-gnu"
    return Server(folder / "usr/sbin/sshd", folder / "lib" / triplet)


def missing_libraries(found: Server) -> list[str]:
    """Libraries that a server cannot load; its own path when it is not there."""
    if not found.program.is_file():
        return [str(found.program)]
    words = ["ldd", str(found.program)]
    environment = os.environ | found.environment | {"LC_ALL": "C"}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    lines = (done.stdout + done.stderr).splitlines()
    return sorted({line.split()[0].rstrip(":") for line in lines if "not found" in line})


def fetch(folder: Path) -> None:
    """Downloads and unpacks the server; the folder appears when it is whole.

    Raises:
        subprocess.CalledProcessError: apt or dpkg failed.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".sshd-", dir=folder.parent) as work:
        tree = Path(work, "tree")
        known: set[str] = set()
        wanted = {"openssh-server"}
        for _ in range(ROUNDS):
            archives = _download(sorted(wanted - known), Path(work))
            known |= wanted
            for archive in archives:
                _run(["dpkg", "-x", str(archive), str(tree)], Path(work))
            _gather_libraries(tree)
            if not missing_libraries(of_folder(tree)):
                break
            wanted = {name for archive in archives for name in _lacking(archive)} - known
            if not wanted:
                break
        shutil.rmtree(folder, ignore_errors=True)
        tree.rename(folder)


def _download(packages: list[str], folder: Path) -> list[Path]:
    # As root apt would hand the download to a user who may not write here.
    before = set(folder.glob("*.deb"))
    _run(["apt-get", "download", "-q", "-o", "APT::Sandbox::User=root", *packages], folder)
    return sorted(set(folder.glob("*.deb")) - before)


def _lacking(archive: Path) -> set[str]:
    """Libraries that a package depends on and that are not installed."""
    depends = _run(["dpkg-deb", "-f", str(archive), "Depends"], archive.parent)
    names = {re.split(r"[ (:|]", item.strip())[0] for item in depends.split(",")}
    return {name for name in names if name.startswith("lib") and not _installed(name)}


def _installed(package: str) -> bool:
    words = ["dpkg-query", "-Wf", "${db:Status-Status}", package]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return done.stdout == "installed"


def _gather_libraries(tree: Path) -> None:
    """Packages put libraries below /lib or /usr/lib: one folder for both."""
    target = of_folder(tree).libraries
    assert target is not None, "a folder always has one"
    target.mkdir(parents=True, exist_ok=True)
    for library in (tree / "usr/lib" / target.name).glob("*.so*"):
        library.rename(target / library.name)


def _run(words: list[str], folder: Path) -> str:
    return subprocess.run(words, cwd=folder, check=True, capture_output=True, text=True).stdout
