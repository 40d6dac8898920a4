"""Gives whatever uid the pod runs as a passwd entry and a HOME of its own.

ssh and sshd refuse a uid that has no entry; the root file system is read-only, so the
entry is written where libnss-extrausers looks: /var/lib/extrausers, which in the image is a
link into the emptyDir at /home.
"""

from __future__ import annotations

import os
from pathlib import Path

from unet.system.errors import UsageError

NAME = "unet"

# What libnss-extrausers believes: entries below these are refused, lest a file that is not
# root's could name a system's user.  "users" is the one lower group that it accepts.
LOWEST_UID = LOWEST_GID = 500
USERS_GID = 100


def prepare(base: Path = Path("/home")) -> Path:
    """Makes HOME and the passwd entry below `base`, and sets HOME for what follows.

    Returns:
        The home folder, mode 0700.

    Raises:
        UsageError: `base` cannot be written, or the uid is one of the system's.
    """
    home, names = base / NAME, base / ".nss"
    uid, gid = os.getuid(), os.getgid()
    if uid < LOWEST_UID:
        raise UsageError("runAsUser", str(uid), f"give a uid of {LOWEST_UID} or more")
    # A pod without runAsGroup has group 0.  The entry's group is a name only: the process
    # keeps the one it has.
    gid = gid if gid >= LOWEST_GID else USERS_GID
    try:
        home.mkdir(mode=0o700, exist_ok=True)
        home.chmod(0o700)
        names.mkdir(mode=0o755, exist_ok=True)
        _write(names / "passwd", f"{NAME}:x:{uid}:{gid}:{NAME}:{home}:/bin/sh\n")
        _write(names / "group", f"{NAME}:x:{gid}:\n")
        # "*" is no valid password and, unlike "!", not a locked account either.
        _write(names / "shadow", f"{NAME}:*:19000:0:99999:7:::\n")
    except OSError as error:
        raise UsageError(
            str(base), error.strerror or str(error), "mount an emptyDir there"
        ) from error
    os.environ.update(HOME=str(home), USER=NAME, LOGNAME=NAME, MPLCONFIGDIR=str(home / ".mpl"))
    return home


def _write(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}-{os.getpid()}")
    temporary.write_text(text)
    temporary.replace(path)
