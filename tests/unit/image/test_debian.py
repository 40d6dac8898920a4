"""image/debian: what both images and the nodes take from Debian, and from where."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[3]
DEBIAN = CHECKOUT / "image/debian"
SUITE = (DEBIAN / "suite").read_text().strip()


def test_the_suite_is_named_once_in_a_language():
    named = {
        path.relative_to(CHECKOUT).as_posix()
        for folder in ("image", "cluster", "setup")
        for path in (CHECKOUT / folder).rglob("*")
        if path.is_file()
        and path.suffix not in {".pyc", ".lock", ".sum"}
        and SUITE in path.read_text(errors="replace")
    }
    # A Dockerfile cannot read a file before its first FROM.
    assert named == {
        "image/debian/suite",
        "image/operator/runtime.Dockerfile",
        "image/training/runtime.Dockerfile",
    }


@pytest.mark.parametrize("name", ["training", "operator"])
def test_a_dockerfiles_base_is_of_the_suite(name: str):
    text = (CHECKOUT / f"image/{name}/runtime.Dockerfile").read_text()
    assert re.findall(r"^ARG BASE=(.*)$", text, re.MULTILINE) == [f"debian:{SUITE}-slim"]


@pytest.mark.parametrize("name", ["training", "operator"])
def test_no_stage_that_knows_a_mirror_is_in_the_image(name: str):
    text = (CHECKOUT / f"image/{name}/runtime.Dockerfile").read_text()
    *_, image = re.split(r"^FROM ", text, flags=re.MULTILINE)
    assert image.startswith("scratch")
    assert not re.search("MIRROR|PIP_INDEX_URL", image)


@pytest.mark.parametrize("path", sorted(CHECKOUT.glob("image/*/*Dockerfile")), ids=str)
def test_no_failure_is_hidden_behind_a_pipe(path: Path):
    """sh has no pipefail: what stands before a pipe may fail unseen."""
    code = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    assert [line for line in code if re.search(r"[^|]\|[^|]", line) and "-x '" not in line] == []


@pytest.mark.parametrize(
    ("release", "said"),
    [
        ("ID=debian\nVERSION_CODENAME=trixie\nPRETTY_NAME='Debian 13'", "Debian 13"),
        (f"ID=ubuntu\nVERSION_CODENAME={SUITE}\nPRETTY_NAME=Ubuntu", "Ubuntu"),
        ("NAME=other", "of unknown origin"),
    ],
    ids=["another Debian", "another distribution", "unknown"],
)
def test_another_base_is_refused_before_anything_is_installed(
    tmp_path: Path, release: str, said: str
):
    (tmp_path / "os-release").write_text(release)
    script = 'mount --bind "$1" "$(realpath /etc/os-release)" && exec sh "$2" tini'
    done = subprocess.run(
        [
            "unshare",
            "--mount",
            "sh",
            "-c",
            script,
            "sh",
            tmp_path / "os-release",
            DEBIAN / "install",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"error: BASE is {said}; setup/*.lock and Horovod are for Debian {SUITE} with its "
        f"Python 3.11: --build-arg BASE=debian:{SUITE}-slim\n"
    )


def sources(**settings: str) -> list[str]:
    """The addresses and releases that `sources` prints for these settings."""
    environment = {"PATH": os.environ["PATH"], **settings}
    text = subprocess.run(
        ["sh", DEBIAN / "sources"], env=environment, check=True, capture_output=True, text=True
    ).stdout
    return [" ".join(line.split()[2:4]) for line in text.splitlines()]


def test_without_a_mirror_the_bases_own_sources_are_taken():
    assert sources() == []


def test_security_updates_may_have_a_mirror_of_their_own():
    said = sources(APT_MIRROR="http://a/debian/", APT_SECURITY_MIRROR="http://b/updates/")
    assert said[0] == f"http://a/debian {SUITE}"
    assert said[2] == f"http://b/updates {SUITE}-security"
