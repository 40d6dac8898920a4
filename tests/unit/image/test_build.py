"""image/build in a checkout of its own, with stand-ins for buildah, mmdebstrap and the mirror.

The stand-in for buildah refuses to push onto an archive that is there, as buildah does.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import textwrap
from dataclasses import dataclass, field
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[3]

STAND_INS = {
    "buildah": """
        #!/bin/bash
        while [ "${1#--}" != "$1" ]; do shift 2; done
        echo "$*" >>"$CALLS"
        case $1 in
          from) echo container ;;
          inspect)
            case $* in *FromImageID*) echo sha256:0123456789abcdef ;; *) exit 1 ;; esac ;;
          push)
            file=${*: -1} file=${file#docker-archive:} file=${file%%:*}
            if [ -e "$file" ]; then echo "docker-archive doesn't support modifying" >&2; exit 1; fi
            if [ -e "$DISK_FULL" ]; then echo half >"$file"; exit 1; fi
            echo whole >"$file" ;;
        esac
    """,
    # mmdebstrap … SUITE TARGET -
    "mmdebstrap": """
        #!/bin/bash
        cat >"$SOURCES"
        echo "$http_proxy" >"$SOURCES.proxy"
        [ ! -e "$DISK_FULL" ] || { echo "no mirror answers" >&2; exit 25; }
        touch "${@: -2:1}"
    """,
    # What apt-get indextargets says of this machine's sources.
    "apt-get": """
        #!/bin/bash
        echo "bookworm main http://packages.example/other/ Other"
        echo "bookworm main http://near.example/debian/ Debian"
        echo "bookworm-security main http://near.example/security/ Debian"
    """,
    "apt-config": """
        #!/bin/bash
        echo "http_proxy='http://proxy.example:3128'"
    """,
    "nice": """
        #!/bin/bash
        exec "$@"
    """,
}


@dataclass
class Builder:
    """A copy of what image/build reads, and where its stand-ins leave their notes."""

    folder: Path
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def checkout(self) -> Path:
        return self.folder / "checkout"

    @property
    def images(self) -> Path:
        return self.folder / "cache/images"

    def build(self, **settings: str) -> subprocess.CompletedProcess[str]:
        """Builds the operator's image."""
        environment = {
            **os.environ,
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "UNET_CACHE": str(self.folder / "cache"),
            "CALLS": str(self.folder / "calls"),
            "SOURCES": str(self.folder / "sources"),
            "DISK_FULL": str(self.folder / "disk-full"),
            **settings,
        }
        return subprocess.run(
            ["image/build", "operator"],
            cwd=self.checkout,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def tar(self, **settings: str) -> str:
        """Builds and returns the name of the archive."""
        done = self.build(**settings)
        assert done.returncode == 0, done.stderr
        return (self.checkout / "build/images/operator.tar").resolve().name

    def calls(self, verb: str) -> list[str]:
        """The calls of buildah so far that begin with a verb."""
        notes = self.folder / "calls"
        lines = notes.read_text().splitlines() if notes.exists() else []
        return [line for line in lines if line.split()[0] == verb]

    def offer(self, updates: str) -> None:
        """Lets the mirror offer security updates."""
        script = f"#!/bin/sh\necho '{updates}'\n"
        (self.checkout / "image/debian/updates").write_text(script)


@pytest.fixture
def builder(tmp_path: Path) -> Builder:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, text in STAND_INS.items():
        (programs / name).write_text(textwrap.dedent(text).lstrip())
        (programs / name).chmod(0o755)
    checkout = tmp_path / "checkout"
    for name in ("image", "setup", "operator"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(CHECKOUT / name, checkout / name, ignore=ignored)
    shutil.copy(CHECKOUT / "pyproject.toml", checkout)
    (checkout / ".venv/bin").mkdir(parents=True)
    (checkout / ".venv/bin/python").symlink_to("/bin/true")
    built = Builder(tmp_path)
    built.offer("libc6 1")
    return built


def test_an_unchanged_image_is_not_built_again(builder: Builder):
    first = builder.tar()
    assert builder.tar() == first
    assert len(builder.calls("push")) == 1


def test_a_broken_push_leaves_nothing_and_the_next_try_succeeds(builder: Builder):
    name = builder.tar()
    (builder.images / name).unlink()
    (builder.images / name).with_suffix(".digest").unlink()
    (builder.folder / "disk-full").touch()
    done = builder.build()
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith("cannot be written; is the disk full?")
    assert list(builder.images.iterdir()) == []
    (builder.folder / "disk-full").unlink()
    assert (builder.images / builder.tar()).read_text() == "whole\n"


def test_a_base_that_failed_is_told_and_not_built_upon(builder: Builder):
    (builder.folder / "disk-full").touch()
    done = builder.build()
    assert done.returncode == 1
    assert "no mirror answers" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("error: mmdebstrap failed; the whole log is ")
    assert list(builder.images.iterdir()) == []
    assert builder.calls("build") == []


def test_what_a_killed_push_left_does_not_break_the_next(builder: Builder):
    name = builder.tar()
    (builder.images / name).rename(builder.images / f"{name}.part")
    assert builder.tar() == name
    assert sorted(p.suffix for p in builder.images.iterdir()) == [".digest", ".tar"]


@pytest.mark.parametrize(
    "settings", [{"UNET_TAG": "1.0"}, {"SOURCE_DATE_EPOCH": "1700000000"}], ids=str
)
def test_a_setting_that_changes_the_bytes_makes_another_archive(
    builder: Builder, settings: dict[str, str]
):
    assert builder.tar(**settings) != builder.tar()


def test_a_security_update_makes_another_base_and_archive(builder: Builder):
    first = builder.tar()
    (base,) = (builder.folder / "cache/debian").glob("base-*.tar")
    builder.offer("libc6 2")
    assert builder.tar() != first
    assert list((builder.folder / "cache/debian").glob("base-*.tar")) != [base]


def test_a_new_month_makes_another_base(builder: Builder):
    first = builder.tar()
    date = builder.folder / "bin/date"
    date.write_text("#!/bin/sh\necho 209901\n")
    date.chmod(0o755)
    assert builder.tar() != first


@pytest.mark.parametrize(
    "path",
    [
        "image/debian/install",
        "image/operator/runtime.Dockerfile",
        "image/operator/Dockerfile",
        "image/operator/prune",
        "setup/operator.lock",
        "operator/unet_operator/app.py",
        "image/build",
    ],
)
def test_every_file_that_goes_in_is_in_the_key(builder: Builder, path: str):
    first = builder.tar()
    with (builder.checkout / path).open("a") as stream:
        stream.write("# changed\n")
    assert builder.tar() != first


def test_a_change_of_our_own_code_keeps_the_runtime(builder: Builder):
    def runtime() -> str:
        words = builder.calls("build")[-1].split()
        return next(word for word in words if word.startswith("RUNTIME="))

    builder.tar()
    first = runtime()
    (builder.checkout / "operator/unet_operator/added.py").write_text("")
    builder.tar()
    assert runtime() == first


def test_the_base_comes_from_where_this_machines_apt_takes_debian(builder: Builder):
    builder.tar()
    sources = (builder.folder / "sources").read_text()
    assert [line.split()[2] for line in sources.splitlines()] == [
        "http://near.example/debian",
        "http://near.example/debian",
        "http://near.example/security",
    ]
    assert (builder.folder / "sources.proxy").read_text() == "http://proxy.example:3128\n"


def test_a_mirror_serves_the_base_and_the_packages(builder: Builder):
    builder.tar(APT_MIRROR="http://mirror.example/debian/")
    sources = (builder.folder / "sources").read_text().splitlines()
    assert [line.split(" ", 2)[2] for line in sources] == [
        "http://mirror.example/debian bookworm main",
        "http://mirror.example/debian bookworm-updates main",
        "http://mirror.example/debian-security bookworm-security main",
    ]
    runtime, code = builder.calls("build")
    assert "--build-arg APT_MIRROR=http://mirror.example/debian/" in runtime
    assert "mirror.example" not in code


def test_an_unknown_image_is_named(builder: Builder):
    done = subprocess.run(
        [CHECKOUT / "image/build", "nothing"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr == "error: nothing: no such image; there are training and operator\n"
