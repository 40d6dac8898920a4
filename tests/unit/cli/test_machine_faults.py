"""Faults of the machine, real ones where they can be had: code, line, and nothing lost."""

import errno
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support import tiny

from unet.cli.main import main
from unet.parallel.solo import Solo
from unet.system.errors import ExitCode, MachineError
from unet.system.threads import use_threads
from unet.training import checkpoint
from unet.training.loop import train

use_threads(1)  # before TensorFlow's first operation in this process

NOBODY = 65534
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="gives files away, or mounts")
# Root that, as other users, may do no more to a file than its mode says.
HUMBLE = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")


def run(*words, prefix=()):
    """A command in a process of its own; its code and standard error."""
    done = subprocess.run(
        [*prefix, sys.executable, "-m", "unet", *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr.strip()


@pytest.fixture
def data(tmp_path):
    return tiny.write_dataset(tmp_path / "data")


@root_only
def test_data_that_may_not_be_read_are_data_and_the_user_is_named(data):
    os.chown(data / "dataset.json", NOBODY, NOBODY)
    (data / "dataset.json").chmod(0o600)
    code, said = run("preflight", "--data_path", data, prefix=HUMBLE)
    assert (code, "for uid 0; make it readable for that user" in said) == (ExitCode.DATA, True)
    assert said.startswith(f"error: {data / 'dataset.json'}: Permission denied")
    assert len(said.splitlines()) == 1


@root_only
@pytest.mark.parametrize("command", ["phantom", "train", "plan"])
def test_an_output_that_may_not_be_written_is_the_disk(data, tmp_path, command):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o755)
    os.chown(closed, NOBODY, NOBODY)
    words = [command, "--output", closed / "run"]
    words += ["--cases", "2"] if command == "phantom" else ["--data_path", data]
    code, said = run(*words, prefix=HUMBLE)
    assert (code, "Permission denied for uid 0" in said) == (ExitCode.DISK, True)
    assert "choose another --output" in said
    assert list(closed.iterdir()) == []


def test_an_output_that_is_a_file_is_usage(data, tmp_path):
    (tmp_path / "file").write_text("mine")
    code, said = run("train", "--data_path", data, "--output", tmp_path / "file" / "run")
    assert (code, "choose another --output" in said) == (ExitCode.USAGE, True)
    assert (tmp_path / "file").read_text() == "mine"


@root_only
@pytest.mark.parametrize(("options", "found"), [("size=64k", "No space"), ("ro", "Read-only")])
def test_a_full_or_read_only_volume_is_the_disk(tmp_path, options, found):
    volume = tmp_path / "volume"
    volume.mkdir()
    mount = f'mount -t tmpfs -o {options} tmpfs "{volume}" && exec "$@"'
    prefix = ("unshare", "--mount", "sh", "-c", mount, "sh")
    code, said = run("phantom", "--output", volume / "data", "--cases", "2", prefix=prefix)
    assert (code, found in said, len(said.splitlines())) == (ExitCode.DISK, True, 1)


def test_too_many_open_files_are_what_they_are(data):
    script = """if True:
        import sys
        import unet.api, unet.cli.preflight, unet.data.msd, unet.data.preflight
        from unet.cli.main import main
        held = []
        try:
            while True:
                held.append(open("/dev/null"))
        except OSError:
            sys.exit(main(sys.argv[1:]))
    """
    done = subprocess.run(
        [sys.executable, "-c", script, "preflight", "--data_path", str(data)],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)),
    )
    assert (done.returncode, "ulimit -n" in done.stderr) == (ExitCode.MACHINE, True)
    assert "Traceback" not in done.stderr


def stale(*_args, **_options):
    raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), "state.npz")


def test_a_stale_handle_says_nothing_of_the_checkpoint(data, tmp_path, monkeypatch):
    folder = tiny.make_run(data, tmp_path / "run")
    train(tiny.train_config(data, folder), Solo())
    before = sorted((folder / "checkpoints").iterdir())
    with monkeypatch.context() as patched:
        patched.setattr(checkpoint, "describe", stale)
        with pytest.raises(MachineError, match=r"Stale file handle.*run it again"):
            train(tiny.train_config(data, folder), Solo())
    assert sorted((folder / "checkpoints").iterdir()) == before


def test_a_hiccup_while_a_case_is_read_is_no_damage(data, monkeypatch, capsys):
    plain = Path.open

    def fails(path, *args, **options):
        if path.name == "case_1.nii.gz":
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))
        return plain(path, *args, **options)

    monkeypatch.setattr(Path, "open", fails)
    assert main(["preflight", "--data_path", str(data)]) == ExitCode.MACHINE
    assert "Input/output error" in capsys.readouterr().err


@pytest.mark.parametrize("content", ["", "newest", "\x00\x00"])
def test_a_fence_that_cannot_be_read_stops_the_writer(data, tmp_path, content):
    folder = tiny.make_run(data, tmp_path / "run")
    (folder / "fence").write_text(content)
    with pytest.raises(MachineError, match="nobody knows whose run this is"):
        train(tiny.train_config(data, folder), Solo())
    assert not (folder / "model").exists()


def test_the_version_is_that_of_the_package(capsys):
    assert main(["--version"]) == 0
    project = (Path(__file__).parents[3] / "pyproject.toml").read_text()
    assert f'version = "{capsys.readouterr().out.split()[1]}"' in project


@pytest.mark.parametrize(
    ("module", "command"),
    [("tensorflow", "train"), ("nibabel", "preflight"), ("rich", "train"), ("scipy", "plan")],
)
def test_what_is_not_installed_is_one_line_with_its_extra(data, tmp_path, module, command):
    shadow = tmp_path / "shadow"
    shadow.mkdir()
    missing = f"No module named {module!r}"
    (shadow / f"{module}.py").write_text(f"raise ModuleNotFoundError({missing!r}, name={module!r})")
    words = [command, "--data_path", str(data)]
    words += ["--output", str(tmp_path / "run")] if command != "preflight" else []
    done = subprocess.run(
        [sys.executable, "-m", "unet", *words],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": f"{shadow}:{Path(__file__).parents[3]}"},
    )
    assert done.returncode == ExitCode.USAGE
    assert f"needs {module}; run: pip install 'unet-operator[train]'" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(shutil.which("script") is None, reason="needs script(1) for a terminal")
def test_an_error_is_printed_once_on_a_terminal(tmp_path):
    command = f"{sys.executable} -m unet preflight --data_path {tmp_path / 'none'}"
    done = subprocess.run(
        ["script", "-qec", command, "/dev/null"],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    lines = [line for line in done.stdout.splitlines() if "no such file" in line]
    assert [line.startswith("error: ") for line in lines] == [True]
