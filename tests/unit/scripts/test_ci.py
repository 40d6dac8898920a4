"""CI's run uses clusters of its own names, ends them first and last, and spares all others."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[3]
NOTES = '#!/bin/sh\necho "$(basename "$0") $* [$CLUSTER_NAME $CLUSTER_PORT]" >> "$CALLS"\n'


@pytest.mark.parametrize("code", [0, 1])
def test_its_clusters_are_ended_before_and_after_whatever_comes_of_it(tmp_path: Path, code: int):
    for folder in (".ci", ".cluster", "cluster", "bin"):
        (tmp_path / folder).mkdir()
    shutil.copy(CHECKOUT / ".ci/run", tmp_path / ".ci/run")
    for path, text in (("cluster/kube", NOTES), ("bin/make", f"{NOTES}exit {code}\n")):
        (tmp_path / path).write_text(text)
        (tmp_path / path).chmod(0o755)
    environment = {
        "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
        "CALLS": str(tmp_path / "calls"),
    }
    done = subprocess.run([tmp_path / ".ci/run"], env=environment, capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    calls = (tmp_path / "calls").read_text().splitlines()
    (test,) = [index for index, call in enumerate(calls) if call.startswith("make ")]
    assert calls[test] == "make test [unet-ci 16543]"
    before, after = calls[:test], calls[test + 1 :]
    assert before == after
    assert before[0].startswith("kube --name unet-ci down ")
    assert len(before) == 2
    assert not any("--all" in call or "--name unet " in call for call in calls)
