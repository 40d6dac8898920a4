"""What an error of the operating system means: which way the bytes went decides.

A full or forbidden output, an input that cannot be read, and a machine or network that failed in
between have different exit codes, since only the last is worth another try.
"""

from __future__ import annotations

import errno
import os

from unet.system.errors import (
    DataError,
    DiskError,
    MachineError,
    MemoryShortError,
    UnetError,
    UsageError,
)

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}
NO_DESCRIPTORS = {errno.EMFILE, errno.ENFILE}
MISPLACED = {
    *(errno.ENOTDIR, errno.EEXIST, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL),
}
"""Of a path that is no place for a folder."""
PASSING = {
    *(errno.EIO, errno.EREMOTEIO, errno.ESTALE, errno.ENXIO, errno.ENODEV, errno.ENOLINK),
    *(errno.EAGAIN, errno.EBUSY, errno.EINTR, errno.ETIMEDOUT, errno.ETXTBSY, errno.EDEADLK),
    *(errno.ECONNABORTED, errno.ECONNREFUSED, errno.ECONNRESET, errno.ENOTCONN, errno.EPIPE),
    *(errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENETDOWN, errno.ENETRESET, errno.ENETUNREACH),
    *(errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.ENOBUFS, errno.ESHUTDOWN, errno.EPROTO),
    *(errno.ECOMM, errno.ENOTBLK, errno.ENOLCK),
}
"""Of a device, a remote file system, a lock or a socket: another try may find it well."""


def while_reading(path: object, error: OSError, remedy: str = "make it readable") -> UnetError:
    """The error of an input that cannot be read.

    Args:
        remedy: for an input that is at fault itself.

    Returns:
        A DataError, unless the machine or the network failed.
    """
    if error.errno in FORBIDDEN:
        remedy = f"{remedy} for that user"
    return _of_the_machine(path, error) or DataError(str(path), _words(error), remedy)


def while_writing(path: object, error: OSError) -> UnetError:
    """The error of an output that cannot be written.

    Returns:
        A DiskError where it is full or forbidden, a UsageError where no output can be; else, as
        where a folder was removed meanwhile or a remote file system hung up, a MachineError.
    """
    found = _words(error)
    if error.errno in FULL:
        return DiskError(str(path), found, "free space or choose another --output")
    if error.errno in FORBIDDEN:
        return DiskError(str(path), found, "make it writable or choose another --output")
    if error.errno in MISPLACED:
        return UsageError(str(path), found, "choose another --output")
    remedy = "see that its folder is still there, then run it again"
    return _of_the_machine(path, error) or MachineError(str(path), found, remedy)


def of_either(where: object, error: OSError) -> UnetError:
    """The error where nobody knows what was read or written, least of all who caught it."""
    if error.errno in FULL or error.errno == errno.EROFS:
        return while_writing(where, error)
    if isinstance(error, FileNotFoundError) and os.sep not in str(error.filename or os.sep):
        return MachineError(str(where), "no such program", "install it, or put it on PATH")
    found, remedy = _words(error), "see what it says, then run it again: what is done is kept"
    if error.errno in FORBIDDEN:
        remedy = "give that user access, then run it again"
    return _of_the_machine(where, error) or MachineError(str(where), found, remedy)


def _words(error: OSError) -> str:
    """The system's own words, and for whom where it depends on that."""
    found = error.strerror or str(error)
    return f"{found} for uid {os.geteuid()}" if error.errno in FORBIDDEN else found


def _of_the_machine(where: object, error: OSError) -> UnetError | None:
    found = _words(error)
    if error.errno == errno.ENOMEM:
        return MemoryShortError(str(where), found, "give more memory, or work on less at once")
    if error.errno in NO_DESCRIPTORS:
        return MachineError(str(where), found, "raise the limit (`ulimit -n`) and run it again")
    if error.errno in PASSING:
        remedy = "the device, volume or network failed: see that it is well, then run it again"
        return MachineError(str(where), found, remedy)
    return None
