"""What mpirun is given: arguments and variables, built from a launch.

Intel MPI's mpiexec.hydra is run directly: the `mpirun` script around it leaves ranks behind on
TERM.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from unet.parallel.hostfile import Host
from unet.system.errors import UsageError


@dataclass(frozen=True)
class Launch:
    """What to start and where.

    Attributes:
        ranks: processes in all.
        ppn: processes per host.
        command: the unet command of every rank, such as `("train", "--data_path", …)`.
        hostfile: `HOST:SLOTS` lines; None for this machine alone, without ssh.
        genv: variables for every rank.
        mpi_args: further arguments of mpiexec, one element each.
        ssh: the ssh program to start hosts with; None for the one on the PATH.
        interface: this machine's network interface towards the hosts, such as `eth0`; they call
            back by its address.  Without it they call back by this machine's name, which a
            pod's workers cannot resolve.
    """

    ranks: int
    ppn: int
    command: tuple[str, ...]
    hostfile: Path | None = None
    genv: tuple[tuple[str, str], ...] = ()
    mpi_args: tuple[str, ...] = ()
    ssh: str | None = None
    interface: str | None = None


def check_room(hosts: Sequence[Host], launch: Launch) -> None:
    """Refuses more ranks than there are slots.

    Raises:
        UsageError: the ranks do not fit.
    """
    room = sum(min(host.slots, launch.ppn) for host in hosts)
    if launch.ranks > room:
        raise UsageError(
            "--ranks",
            f"{launch.ranks}, but {len(hosts)} hosts with --ppn {launch.ppn} have {room} slots",
            "lower --ranks or raise the slots in the hostfile and --ppn",
        )


def rank_environment(launch: Launch, prefix: Path) -> dict[str, str]:
    """The variables that every rank is given, since ssh sessions inherit none.

    Args:
        launch: what to start.
        prefix: the Python environment, which holds Intel MPI's lib folder.
    """
    defaults = {
        "UNET_RANKS": str(launch.ranks),
        "LD_LIBRARY_PATH": str(prefix / "lib"),
        # Pinning is for machines of one's own: in a pod, whose cores are a share and not a
        # set, every rank of a host would be pinned to the same first cores.
        "I_MPI_PIN": "off",
    }
    given = dict(launch.genv)
    if any(name.startswith("I_MPI_PIN") for name in given):
        del defaults["I_MPI_PIN"]
    return defaults | given


def mpiexec_arguments(launch: Launch, prefix: Path, python: str) -> list[str]:
    """The arguments of mpiexec.hydra.

    The machine file's `HOST:SLOTS` counts are honoured (`-hostfile` ignores them).
    """
    words: list[str] = []
    if launch.hostfile is None:
        words += ["-bootstrap", "fork", "-hosts", "localhost"]
    else:
        words += ["-bootstrap", "ssh"]
        words += ["-bootstrap-exec", launch.ssh] if launch.ssh else []
        words += ["-machinefile", str(launch.hostfile)]
    words += ["-iface", launch.interface] if launch.interface else []
    words += ["-n", str(launch.ranks), "-ppn", str(launch.ppn)]
    for name, value in rank_environment(launch, prefix).items():
        words += ["-genv", name, value]
    words += launch.mpi_args
    return [*words, python, "-m", "unet", "rank", "--", *launch.command]


def course_line(launch: Launch) -> str:
    """The mpirun line that does the same by hand, as one would type it."""
    words = ["mpirun"]
    for name, value in launch.genv:
        words += ["-genv", f"{name}={value}"]
    words += ["-n", str(launch.ranks)]
    words += ["-machinefile", str(launch.hostfile)] if launch.hostfile else []
    words += ["-ppn", str(launch.ppn), *launch.mpi_args, "python", "-m", "unet", *launch.command]
    return shlex.join(words)


def launcher_environment(launch: Launch, environment: Mapping[str, str]) -> dict[str, str]:
    """The variables of mpiexec.hydra itself.

    Hydra starts hosts in a tree of width 16; above that workers would have to log in to
    workers, which hold no key for it.  A width of the number of ranks keeps it flat.
    """
    return dict(environment) | {"I_MPI_HYDRA_BRANCH_COUNT": str(max(launch.ranks, 16))}
