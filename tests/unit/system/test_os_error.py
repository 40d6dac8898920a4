"""Which way the bytes went decides what an error of the operating system means."""

import errno
import os

import pytest

from unet.system.errors import DataError, DiskError, MachineError, MemoryShortError, UsageError
from unet.system.os_error import of_either, while_reading, while_writing


def error(name, filename="/there"):
    number = getattr(errno, name)
    return OSError(number, os.strerror(number), filename)


@pytest.mark.parametrize(
    ("name", "reading", "writing", "either"),
    [
        ("ENOSPC", DataError, DiskError, DiskError),
        ("EDQUOT", DataError, DiskError, DiskError),
        ("EFBIG", DataError, DiskError, DiskError),
        ("EROFS", DataError, DiskError, DiskError),
        ("EACCES", DataError, DiskError, MachineError),
        ("EPERM", DataError, DiskError, MachineError),
        ("ENOENT", DataError, MachineError, MachineError),
        ("ENOTDIR", DataError, UsageError, MachineError),
        ("EISDIR", DataError, UsageError, MachineError),
        ("ENAMETOOLONG", DataError, UsageError, MachineError),
        ("EIO", MachineError, MachineError, MachineError),
        ("ESTALE", MachineError, MachineError, MachineError),
        ("ETIMEDOUT", MachineError, MachineError, MachineError),
        ("ECONNRESET", MachineError, MachineError, MachineError),
        ("EADDRINUSE", MachineError, MachineError, MachineError),
        ("EMFILE", MachineError, MachineError, MachineError),
        ("ENOMEM", MemoryShortError, MemoryShortError, MemoryShortError),
    ],
)
def test_direction_and_number_decide(name, reading, writing, either):
    made = (
        while_reading("F", error(name)),
        while_writing("F", error(name)),
        of_either("F", error(name)),
    )
    assert tuple(map(type, made)) == (reading, writing, either)
    for one in made:
        assert one.where == "F"
        assert os.strerror(getattr(errno, name)) in one.found


def test_who_may_not_is_said():
    assert while_reading("F", error("EACCES")).found == f"Permission denied for uid {os.geteuid()}"
    assert while_writing("F", error("EACCES")).found == f"Permission denied for uid {os.geteuid()}"


def test_too_many_open_files_name_the_limit():
    assert "ulimit -n" in while_writing("F", error("EMFILE")).remedy


def test_a_missing_program_is_no_missing_file():
    made = of_either("ssh", error("ENOENT", "ssh"))
    assert (made.found, made.remedy) == ("no such program", "install it, or put it on PATH")
    assert of_either("/a/b", error("ENOENT", "/a/b")).found == "No such file or directory"


def test_an_error_without_a_number_keeps_its_words():
    assert while_writing("F", OSError("HDF5 is unhappy")).found == "HDF5 is unhappy"
