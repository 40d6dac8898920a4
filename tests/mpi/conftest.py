"""A real sshd on loopback addresses, with keys of its own, and mpiexec over it."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULES = Path(__file__).parent / "modules"

# As root, sshd insists on a root-owned /run/sshd; it is given one that only it sees.
AS_ROOT = ["unshare", "--mount", "sh", "-c"]
AS_ROOT += ['mount -t tmpfs tmpfs /run && mkdir -m 755 /run/sshd && exec "$@"', "sh"]


@dataclass(frozen=True)
class Cluster:
    """Loopback addresses that answer ssh, and how to reach them."""

    folder: Path
    ssh: Path

    def hostfile(self, hosts: int, slots: int = 1) -> Path:
        """A hostfile of the addresses 127.0.0.2 and up."""
        path = self.folder / f"hostfile-{hosts}-{slots}"
        path.write_text("".join(f"127.0.0.{i + 2}:{slots}\n" for i in range(hosts)))
        return path

    def launch(
        self,
        *command: str,
        hosts: int = 2,
        slots: int = 1,
        options: tuple[str, ...] = (),
        under: tuple[str, ...] = (),
        modules: bool = True,
    ) -> subprocess.Popen[str]:
        """Starts `python -m unet launch` for `command` on `hosts` addresses.

        `under` is a program that starts the launcher in its turn.  With `modules` the command
        `train` is the stand-in among them.
        """
        words = [*under, sys.executable, "-m", "unet", "launch", "--ssh", str(self.ssh)]
        words += ["--hostfile", str(self.hostfile(hosts, slots)), *options, "--", *command]
        path = [str(MODULES), str(ROOT)] if modules else [str(ROOT)]
        return subprocess.Popen(
            words,
            cwd=self.folder,
            env=os.environ
            | {
                "PYTHONPATH": os.pathsep.join(path),
                "UNET_TERMINATION_LOG": str(self.folder / "termination-log"),
                "TF_CPP_MIN_LOG_LEVEL": "3",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    sshd = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
    if sshd is None:
        pytest.skip("sshd is not installed: apt-get install openssh-server")
    if not (Path(sys.executable).parent / "mpiexec.hydra").exists():
        pytest.skip("mpiexec.hydra is not beside this Python: make setup")
    folder = tmp_path_factory.mktemp("mpi")
    port = free_port()
    for key in ("host", "client"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / key)], check=True
        )
    (folder / "authorized").write_text((folder / "client.pub").read_text())
    host = " ".join((folder / "host.pub").read_text().split()[:2])
    (folder / "known").write_text(f"[127.0.0.*]:{port} {host}\n")
    (folder / "sshd_config").write_text(
        f"Port {port}\nListenAddress 0.0.0.0\nHostKey {folder / 'host'}\nPidFile none\nUsePAM no\n"
        f"AuthorizedKeysFile {folder / 'authorized'}\nStrictModes no\nPasswordAuthentication no\n"
        "PermitRootLogin prohibit-password\nMaxStartups 100\n"
    )
    ssh = folder / "ssh"
    ssh.write_text(
        f"#!/bin/sh\nexec ssh -F none -p {port} -i {folder / 'client'} -o BatchMode=yes "
        f"-o UserKnownHostsFile={folder / 'known'} -o StrictHostKeyChecking=yes "
        '-o IdentitiesOnly=yes -o LogLevel=ERROR "$@"\n'
    )
    ssh.chmod(0o755)
    command = [sshd, "-D", "-e", "-f", str(folder / "sshd_config")]
    with (folder / "sshd.log").open("wb") as log:
        server = subprocess.Popen(
            [*AS_ROOT, *command] if os.geteuid() == 0 else command,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        while True:
            answer = subprocess.run([ssh, "127.0.0.2", "true"], capture_output=True, check=False)
            if answer.returncode == 0:
                break
            if server.poll() is not None or b"refused" not in answer.stderr:
                pytest.fail(f"{answer.stderr.decode()}{(folder / 'sshd.log').read_text()}")
        yield Cluster(folder, ssh)
    finally:
        server.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(timeout=10)
