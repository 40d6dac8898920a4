"""Certificates are kept as long as they can be used, and no half of one is trusted."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from kubelib import pki, settings

pytestmark = pytest.mark.skipif(not shutil.which("openssl"), reason="makes real certificates")

ALL = pki.certificates
SOME = ("apiserver", "admin", "node-1")
"""Enough of them: each is made and looked at in the same way."""

EVERY = ("ca", *SOME)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a first start."""
    with pytest.MonkeyPatch.context() as patch:
        some_only(patch)
        patch.setattr(settings, "CHECKOUT", tmp_path_factory.mktemp("first"))
        cluster = settings.Cluster("unet-two")
        pki.create(cluster, 2)
        return cluster.state


@pytest.fixture
def cluster(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> settings.Cluster:
    """A cluster with certificates."""
    some_only(monkeypatch)
    monkeypatch.setattr(settings, "CHECKOUT", tmp_path)
    cluster = settings.Cluster("unet-two")
    shutil.copytree(made, cluster.state)
    return cluster


def some_only(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(pki, "certificates", lambda n: [c for c in ALL(n) if c.name in SOME])


def contents(cluster: settings.Cluster) -> dict[str, bytes]:
    """Every file by name."""
    return {path.name: path.read_bytes() for path in cluster.pki.iterdir()}


def changed(cluster: settings.Cluster, before: dict[str, bytes]) -> set[str]:
    """The names, without ending, of the files that are not as they were."""
    return {name.split(".")[0] for name, data in contents(cluster).items() if before[name] != data}


def verify(cluster: settings.Cluster, name: str) -> None:
    """Fails unless openssl takes the certificate as the authority's."""
    folder = cluster.pki
    command = ["openssl", "verify", "-CAfile", folder / "ca.crt", folder / f"{name}.crt"]
    subprocess.run(command, check=True, capture_output=True)


def half(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def empty(file: Path) -> None:
    file.write_bytes(b"")


def gone(file: Path) -> None:
    file.unlink()


def noise(file: Path) -> None:
    file.write_bytes(os.urandom(300))


def test_good_files_are_kept(cluster: settings.Cluster):
    before = contents(cluster)
    pki.create(cluster, 2)
    assert changed(cluster, before) == set()


def test_keys_are_for_root_only(cluster: settings.Cluster):
    modes = {path.name: path.stat().st_mode & 0o777 for path in cluster.pki.glob("*.key")}
    assert set(modes.values()) == {0o600}


@pytest.mark.parametrize("spoil", [half, empty, gone, noise])
@pytest.mark.parametrize("ending", ["crt", "key"])
def test_a_spoilt_file_is_made_again(
    cluster: settings.Cluster, spoil: Callable[[Path], None], ending: str
):
    before = contents(cluster)
    spoil(cluster.pki / f"node-1.{ending}")
    pki.create(cluster, 2)
    assert changed(cluster, before) == {"node-1"}
    verify(cluster, "node-1")


@pytest.mark.parametrize("spoil", [half, gone])
@pytest.mark.parametrize("ending", ["crt", "key"])
def test_a_spoilt_authority_makes_everything_again(
    cluster: settings.Cluster, spoil: Callable[[Path], None], ending: str
):
    before = contents(cluster)
    spoil(cluster.pki / f"ca.{ending}")
    pki.create(cluster, 2)
    assert changed(cluster, before) == set(EVERY)
    for name in EVERY:
        verify(cluster, name)


@pytest.mark.parametrize("spoil", [half, gone])
@pytest.mark.parametrize("file", ["sa.key", "sa.pub"])
def test_a_spoilt_key_of_service_accounts_is_made_again(
    cluster: settings.Cluster, spoil: Callable[[Path], None], file: str
):
    before = contents(cluster)
    spoil(cluster.pki / file)
    pki.create(cluster, 2)
    assert changed(cluster, before) == {"sa"}


def test_a_certificate_of_another_authority_is_made_again(cluster: settings.Cluster):
    before = contents(cluster)
    other = cluster.state / "other"
    other.mkdir()
    pki._make_authority(other)
    pki._issue(other, ALL(2)[3])
    for ending in ("crt", "key"):
        shutil.copy(other / f"admin.{ending}", cluster.pki / f"admin.{ending}")
    pki.create(cluster, 2)
    assert changed(cluster, before) == {"admin"}
    verify(cluster, "admin")


def test_a_certificate_of_another_subject_is_made_again(cluster: settings.Cluster):
    before = contents(cluster)
    for ending in ("crt", "key"):
        shutil.copy(cluster.pki / f"node-1.{ending}", cluster.pki / f"admin.{ending}")
    pki.create(cluster, 2)
    assert changed(cluster, before) == {"admin"}


def test_a_changed_address_is_covered(cluster: settings.Cluster, monkeypatch: pytest.MonkeyPatch):
    before = contents(cluster)
    monkeypatch.setattr(settings, "CONTROL_PLANE_IP", "10.200.0.11")
    pki.create(cluster, 2)
    assert changed(cluster, before) == {"apiserver"}


def test_a_certificate_near_its_end_is_made_again(
    cluster: settings.Cluster, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(pki, "_DAYS", "6")
    pki._issue(cluster.pki, ALL(2)[3])
    before = contents(cluster)
    monkeypatch.setattr(pki, "_DAYS", "3650")
    pki.create(cluster, 2)
    assert changed(cluster, before) == {"admin"}


def test_a_kill_at_any_file_leaves_nothing_that_is_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The process ends itself as by a kill after its n-th file; the next run makes it whole."""
    some_only(monkeypatch)
    monkeypatch.setattr(settings, "CHECKOUT", tmp_path)
    cluster = settings.Cluster("unet-two")
    program = """
import os, signal, sys
from pathlib import Path
from kubelib import files, pki, settings
settings.CHECKOUT = Path(sys.argv[1])
left, write = int(sys.argv[2]), files.write_atomic
def one_less(*arguments):
    global left
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    left -= 1
    write(*arguments)
files.write_atomic = one_less
every = pki.certificates
pki.certificates = lambda n: [c for c in every(n) if c.name in sys.argv[3:]]
pki.create(settings.Cluster("unet-two"), 2)
"""
    for count in (0, 1, 2, 3, 4, 5):
        shutil.rmtree(cluster.state, ignore_errors=True)
        done = subprocess.run(
            [sys.executable, "-c", program, str(tmp_path), str(count), *SOME],
            env={**os.environ, "PYTHONPATH": str(settings.SOURCE)},
            check=False,
        )
        assert done.returncode == -signal.SIGKILL
        pki.create(cluster, 2)
        for name in EVERY:
            verify(cluster, name)
            assert pki._is_valid_pair(cluster.pki, name)
        assert not list(cluster.pki.glob(".*"))
