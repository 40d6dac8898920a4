"""The programs and files that each task needs, and the Debian package that has each."""

from __future__ import annotations

import importlib.util
import shutil
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kubelib.build import PACKAGES as OF_THE_CLUSTER

SBIN = ("/usr/local/sbin", "/usr/sbin", "/sbin")


@dataclass(frozen=True)
class Need:
    """Something that a task uses.

    Args:
        package: the Debian package that has it.
        purpose: what for, in a few words.
        there: whether this machine has it, from wherever.
    """

    package: str
    purpose: str
    there: Callable[[], bool]


def find(program: str) -> str | None:
    """The path of a program, also where only root's PATH leads."""
    return shutil.which(program) or shutil.which(program, path=":".join(SBIN))


def _program(name: str, package: str, purpose: str) -> Need:
    return Need(package, purpose, lambda: find(name) is not None)


def _has_headers() -> bool:
    return Path(sysconfig.get_path("include"), "Python.h").is_file()


def _has_ensurepip() -> bool:
    return importlib.util.find_spec("ensurepip") is not None


SETUP = (
    Need("python3-venv", "makes .venv", _has_ensurepip),
    Need("python3-dev", "Python's headers, for Horovod", _has_headers),
    _program("g++", "g++", "compiles Horovod"),
    _program("make", "make", "compiles Horovod"),
    _program("patch", "patch", "compiles Horovod"),
    _program("strip", "binutils", "compiles Horovod"),
)
IMAGES = (
    _program("buildah", "buildah", "makes images without Docker"),
    _program("mmdebstrap", "mmdebstrap", "makes the images' Debian"),
)
CLUSTER = tuple(
    _program(program, package, "the throwaway cluster")
    for program, package in OF_THE_CLUSTER.items()
)
TEST = (
    _program("ssh", "openssh-client", "ranks on hosts, in tests/mpi"),
    _program("ssh-keygen", "openssh-client", "keys for tests/mpi"),
    _program("unshare", "util-linux", "a file system of its own for tests/mpi"),
    _program("shellcheck", "shellcheck", "make lint"),
    _program("git", "git", "make lint"),
    _program("nft", "nftables", "what a cluster leaves on a machine"),
    _program("ps", "procps", "what a cluster leaves on a machine"),
)
TASKS: dict[str, tuple[Need, ...]] = {
    "setup": SETUP,
    "images": SETUP + IMAGES,
    "cluster": CLUSTER,
    "demo": SETUP + IMAGES + CLUSTER,
    "test": SETUP + IMAGES + CLUSTER + TEST,
    "lint": SETUP + TEST,
}


def missing(task: str) -> dict[str, str]:
    """What a task lacks here: Debian packages, each with its purpose."""
    return {need.package: need.purpose for need in TASKS[task] if not need.there()}
