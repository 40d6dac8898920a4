"""Runs commands as a user would, in this process or under other circumstances."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from support.answers import Answer

from unet.cli.main import main

EACH = """
import contextlib, io, json, sys
from unet.cli.main import main
answers = []
for words in json.load(sys.stdin):
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        code = main(words)
    answers.append((code, said.getvalue()))
print(json.dumps(answers))
"""


@pytest.fixture
def answer(capsys):
    """Runs a command in this process."""

    def run(*words: object) -> Answer:
        code = main([str(word) for word in words])
        return Answer(code, capsys.readouterr().err.strip())

    return run


@pytest.fixture(scope="session")
def answers_in():
    """Runs commands one after the other in a process begun by a prefix such as `setpriv`."""

    def run(prefix: list[str], *lines: list[object]) -> list[Answer]:
        done = subprocess.run(
            [*prefix, sys.executable, "-c", EACH],
            input=json.dumps([[str(word) for word in line] for line in lines]),
            capture_output=True,
            text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"},
        )
        if done.stderr.startswith(("unshare:", "mount:", "setpriv:")):
            pytest.skip(f"not allowed here: {done.stderr.strip()}")
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout.splitlines()[-1])
        return [Answer(code, line.strip()) for code, line in found]

    return run
