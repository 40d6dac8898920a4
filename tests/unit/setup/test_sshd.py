"""The SSH server of tests/mpi is unpacked, with the libraries that the machine lacks."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from machinelib import sshd
from machinelib.text import Problem

APT = """#!/bin/sh
echo "$*" >> "$CALLS"
for last; do :; done
mkdir -p "tree/DEBIAN" "tree/usr/sbin"
cat > tree/DEBIAN/control << 'END'
Package: openssh-server
Version: 1
Architecture: all
Maintainer: a <a@b.c>
Description: d
END
cp /bin/true tree/usr/sbin/sshd
dpkg-deb -b tree "$last.deb" > /dev/null
rm -r tree
"""


@pytest.fixture
def apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An apt-get that can download one package; the file says what it was asked."""
    if shutil.which("dpkg-deb") is None:
        pytest.fail("dpkg-deb: not found; these tests run on Debian")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/apt-get").write_text(APT)
    (tmp_path / "bin/apt-get").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    return tmp_path / "calls"


def test_it_is_unpacked_once_and_runs_from_its_folder(tmp_path: Path, apt: Path):
    found = sshd.server(tmp_path / "cache")
    assert found.program == tmp_path / "cache/sshd/usr/sbin/sshd"
    assert subprocess.run([found.program], env=found.environment, check=False).returncode == 0
    assert sshd.server(tmp_path / "cache") == found
    (asked,) = apt.read_text().splitlines()
    assert asked.startswith("download ")
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["sshd"]


def test_a_server_that_lacks_a_library_is_not_taken(tmp_path: Path, apt: Path):
    found = sshd.server(tmp_path / "cache")
    assert sshd.missing_libraries(found) == []
    broken = tmp_path / "broken"
    shutil.copytree(tmp_path / "cache/sshd", broken)
    (broken / "usr/sbin/sshd").unlink()
    assert sshd.missing_libraries(sshd.of_folder(broken)) == [str(broken / "usr/sbin/sshd")]


def test_without_apt_and_without_a_server_one_line_says_so(
    tmp_path: Path, apt: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "bin/apt-get").write_text("#!/bin/sh\necho 'E: no network' >&2\nexit 100\n")
    monkeypatch.setattr(sshd, "find", lambda _program: None)
    with pytest.raises(Problem, match="could not be fetched: E: no network; check apt's sources"):
        sshd.server(tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []
