"""The overview, the errors' one line, and what no command may do to its caller."""

import os
import subprocess
import sys

import pytest

from unet.cli import main as cli
from unet.cli.main import COMMANDS, build_parser, main
from unet.system.errors import DataError, DiskError, ExitCode


def test_the_overview_names_every_command_and_a_first_try(capsys):
    assert main(["--help"]) == 0
    said = capsys.readouterr().out
    for command in COMMANDS:
        assert f"  {command} " in said
    assert "python -m unet phantom  --output phantom" in said
    assert main([]) == ExitCode.USAGE


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command, capsys):
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert f"usage: python -m unet {command}" in said
    unexplained = [
        action.dest
        for action in build_parser(command)._actions
        if not action.help and action.dest != "help"
    ]
    assert unexplained == []


def test_what_a_program_reads_has_json():
    for command in ("preflight", "fingerprint", "plan", "evaluate", "report", "export"):
        assert "--json" in build_parser(command)._option_string_actions


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["trian"], ["trian: no such command", "did you mean train?"]),
        (
            ["preflight", "--data_path", "d", "--max-bad-case", "3"],
            ["did you mean --max-bad-cases?"],
        ),
        (["preflight"], ["--data_path", "required"]),
        (["preflight", "--data_path", "d", "--max-bad-cases", "-1"], ["'-1'", "from 0"]),
        (["phantom", "--output", "p", "--cases", "0"], ["--cases", "'0'", "from 1"]),
        (["phantom", "--output", "p", "--seed", "-1"], ["--seed", "'-1'"]),
        (["phantom", "--output", "p", "--task", "Task11"], ["no task 'Task11'", "choose from"]),
        (
            [
                "evaluate",
                "--data_path",
                "d",
                "--saved_model",
                "m",
                "--output",
                "o",
                "--shard",
                "2/2",
            ],
            ["--shard: '2/2'", "0 to N-1"],
        ),
        (
            [
                "evaluate",
                "--data_path",
                "d",
                "--saved_model",
                "m",
                "--output",
                "o",
                "--overlap",
                "1",
            ],
            ["--overlap", "'1'"],
        ),
        (["export", "--saved_model", "m", "--output", "o", "--format", "tf"], ["'tf'", "onnx"]),
        (["launch", "--ranks", "0", "--", "train"], ["--ranks: 0"]),
        (["launch", "--hostfile", "no", "--", "train"], ["--hostfile no", "No such file"]),
        (["launch", "--genv", "A", "--", "train"], ["--genv: 'A'", "NAME=VALUE"]),
        (["rank"], ["rank: no command"]),
    ],
)
def test_wrong_usage_is_one_line_and_code_2(answer, words, parts, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    answer(*words).refuses(ExitCode.USAGE, *parts)
    assert list(tmp_path.iterdir()) == []


def test_an_error_is_a_line_for_people_and_an_event_for_programs(capsys):
    def fail() -> int:
        raise DataError("a.nii.gz", "truncated gzip", "copy it again")

    assert cli.guarded("x", fail) == 10
    said = capsys.readouterr()
    assert said.err == "error: a.nii.gz: truncated gzip; copy it again\n"
    assert said.out == (
        'event=error code=10 where=a.nii.gz found="truncated gzip" remedy="copy it again"\n'
    )


@pytest.mark.parametrize(
    ("error", "code", "part"),
    [
        (OSError(28, "No space left on device", "/o/x"), 12, "/o/x: No space left on device; free"),
        (PermissionError(13, "Permission denied", "/o"), 1, "/o: Permission denied for uid"),
        (OSError(116, "Stale file handle", "/o"), 1, "/o: Stale file handle; the device, volume"),
        (MemoryError("Unable to allocate 9 TiB"), 14, "Unable to allocate 9 TiB; lower --batch"),
        (KeyboardInterrupt(), 130, ""),
        (DiskError("o", "full", "free space"), 12, "o: full; free space"),
    ],
)
def test_what_escapes_a_command_has_its_code(error, code, part, capsys):
    def fail() -> int:
        raise error

    assert cli.guarded("x", fail) == code
    assert part in capsys.readouterr().err


def test_a_reader_that_goes_away_is_no_error_of_the_disk(tmp_path):
    words = [sys.executable, "-m", "unet", "phantom", "--output", str(tmp_path / "p")]
    read, write = os.pipe()
    os.close(read)  # as `| head -0` does
    done = subprocess.run(
        [*words, "--cases", "1"],
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONUNBUFFERED": "1"},
    )
    os.close(write)
    assert done.returncode == 1
    assert done.stderr == ""


LIGHT = """
import sys
from unet.cli.main import main
try:
    main([sys.argv[1], "--help"])
except SystemExit:
    pass
print(*({"tensorflow", "keras"} & set(sys.modules)), file=sys.stderr)
"""


@pytest.mark.parametrize("command", COMMANDS)
def test_help_is_given_without_tensorflow(command):
    done = subprocess.run(
        [sys.executable, "-c", LIGHT, command],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.stdout.startswith("usage: ")
    assert done.stderr.strip() == ""
