"""mpiexec's arguments, built from a launch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from support.commands import run_command

from unet.cli import launch as command
from unet.parallel.hostfile import Host, parse_hostfile
from unet.parallel.launch import complaint
from unet.parallel.mpirun_arguments import (
    Launch,
    check_room,
    course_line,
    launcher_environment,
    mpiexec_arguments,
    rank_environment,
)
from unet.parallel.network_interface import address_towards, interface_towards
from unet.system.errors import UsageError

PREFIX = Path("/opt/unet")
LAUNCH = Launch(
    ranks=4,
    ppn=2,
    command=("train", "--data_path", "/data/a b"),
    hostfile=Path("/etc/unet/config/hostfile"),
    genv=(("I_MPI_DEBUG", "5"),),
    mpi_args=("-print-rank-map",),
    interface="eth0",
)


def test_arguments_in_full():
    words = mpiexec_arguments(LAUNCH, PREFIX, "/opt/unet/bin/python")
    assert words == [
        *("-bootstrap", "ssh", "-machinefile", "/etc/unet/config/hostfile"),
        *("-iface", "eth0", "-n", "4", "-ppn", "2"),
        *("-genv", "UNET_RANKS", "4", "-genv", "LD_LIBRARY_PATH", "/opt/unet/lib"),
        *("-genv", "I_MPI_PIN", "off", "-genv", "I_MPI_DEBUG", "5", "-print-rank-map"),
        *("/opt/unet/bin/python", "-m", "unet", "rank", "--", "train", "--data_path", "/data/a b"),
    ]


def test_this_machine_alone_needs_no_ssh():
    words = mpiexec_arguments(Launch(2, 2, ("train",)), PREFIX, "python")
    assert words[:4] == ["-bootstrap", "fork", "-hosts", "localhost"]


def test_a_users_variable_beats_the_default():
    launch = Launch(1, 1, ("train",), genv=(("I_MPI_PIN_DOMAIN", "socket"), ("UNET_RANKS", "9")))
    environment = rank_environment(launch, PREFIX)
    assert "I_MPI_PIN" not in environment
    assert environment["UNET_RANKS"] == "9"


def test_the_course_line_can_be_typed():
    assert course_line(LAUNCH) == (
        "mpirun -genv I_MPI_DEBUG=5 -n 4 -machinefile /etc/unet/config/hostfile -ppn 2 "
        "-print-rank-map python -m unet train --data_path '/data/a b'"
    )


def test_hosts_are_started_flat_however_many():
    many = Launch(200, 1, ("train",))
    assert launcher_environment(many, {"A": "1"}) == {"A": "1", "I_MPI_HYDRA_BRANCH_COUNT": "200"}


def test_hostfile_is_read():
    assert parse_hostfile("# two\na:2\n\nb  # one slot\n", "f") == (Host("a", 2), Host("b", 1))


@pytest.mark.parametrize("text", ["", "a slots=1", "a:0", "a:x", ":2", "a:1\na:1"])
def test_wrong_hostfile_is_refused_by_name(text):
    with pytest.raises(UsageError, match="hosts"):
        parse_hostfile(text, "hosts")


def test_more_ranks_than_slots_are_refused():
    hosts = (Host("a", 4), Host("b", 1))
    check_room(hosts, Launch(3, 2, ("train",)))
    with pytest.raises(UsageError, match="have 3 slots"):
        check_room(hosts, Launch(4, 2, ("train",)))


def test_first_error_is_the_complaint():
    lines = [
        "[mpiexec@vm] Error: Unable to run on h1",
        "[mpiexec@vm] poll error",
        "Possible reasons",
    ]
    assert complaint(lines) == "Unable to run on h1"
    assert complaint(["Permission denied"]) == "Permission denied"
    assert complaint([]) == ""


def test_address_towards_is_the_one_on_the_way():
    assert (
        address_towards("127.0.0.3") == "127.0.0.1" or address_towards("127.0.0.3") == "127.0.0.3"
    )
    assert address_towards("no-such-host.invalid") is None


def test_interface_is_the_one_on_the_way():
    assert interface_towards("127.0.0.1") == "lo"
    assert interface_towards("no-such-host.invalid") is None


def test_slots_fill_what_is_not_said(tmp_path, monkeypatch):
    hostfile = tmp_path / "hosts"
    hostfile.write_text("127.0.0.2:3\n127.0.0.3:3\n")
    seen = []
    monkeypatch.setattr(command, "find_mpiexec", lambda: "mpiexec")
    monkeypatch.setattr(command, "course_line", lambda launch: seen.append(launch) or "")
    monkeypatch.setattr(
        command, "run_launch", lambda *_: (_ for _ in ()).throw(SystemExit)
    )  # far enough
    with pytest.raises(SystemExit):
        run_command(command, "--hostfile", hostfile, "--", "train", "--epochs", "1")
    assert (seen[0].ranks, seen[0].ppn, seen[0].command) == (6, 3, ("train", "--epochs", "1"))


@pytest.mark.parametrize(
    "words",
    [
        ("--ranks", "2"),
        ("--ranks", "0", "--", "train"),
        ("--ppn", "-1", "--", "train"),
        ("--genv", "NAME", "--", "train"),
        ("--genv", "=x", "--", "train"),
        ("--hostfile", "/no/such/file", "--", "train"),
    ],
)
def test_wrong_usage_is_refused(words):
    with pytest.raises(UsageError):
        run_command(command, *words)


def test_help_is_readable():
    done = subprocess.run(
        [sys.executable, "-m", "unet", "launch", "--help"], capture_output=True, text=True
    )
    assert done.returncode == 0
    assert "--hostfile" in done.stdout
