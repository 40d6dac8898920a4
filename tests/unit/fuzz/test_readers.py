"""A short run of `make fuzz`: a thousand generated inputs for each reader."""

import os
import re
import subprocess
import sys

import pytest
from fuzz import driver

SHORT = 1000


@pytest.mark.parametrize("reader", driver.READERS)
def test_generated_inputs_are_read_or_refused_in_one_line(reader):
    command = [sys.executable, driver.__file__, reader, "--inputs", str(SHORT)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    # Some are read and some refused: else the changes are too small or too large to tell.
    assert re.search(
        rf"{reader}: {SHORT} inputs, [1-9]\d* read, [1-9]\d* refused, 0 crashes", done.stdout
    )


def test_a_reader_that_crashes_is_found_and_its_input_kept(monkeypatch, tmp_path):
    from fuzz import dataset_json

    def crash(path):
        if path.read_bytes() not in dataset_json.SEEDS:
            raise IndexError("as a careless reader would")

    monkeypatch.setattr(dataset_json, "read", crash)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(driver.tempfile, "tempdir", None)
    outcome = driver.fuzz("dataset_json", 3, seed=0)
    assert len(outcome.crashes) == 3
    assert "careless reader" in outcome.crashes[0]
    assert list(tmp_path.glob("fuzz-dataset_json-*"))
