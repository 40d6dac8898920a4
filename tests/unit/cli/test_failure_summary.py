"""The termination message of a command that fails."""

import json

import pytest

from unet.cli.failure_summary import failure_summary
from unet.system.errors import DataError


@pytest.fixture
def message(tmp_path, monkeypatch):
    file = tmp_path / "message"
    monkeypatch.setenv("UNET_TERMINATION_LOG", str(file))
    return file


def fail(kind, rank=None):
    with pytest.raises(DataError), failure_summary(kind, rank):
        raise DataError("a.nii.gz", "truncated gzip", "copy it again")


def test_an_error_is_written_and_passes(message):
    fail("report")
    assert json.loads(message.read_text()) == {
        "kind": "report",
        "code": 10,
        "cause": "truncated gzip",
        "where": "a.nii.gz",
        "remedy": "copy it again",
    }


def test_of_several_ranks_the_first_alone_writes_and_says_which_it_is(message):
    fail("train", rank=1)
    assert not message.exists()
    fail("train", rank=0)
    assert json.loads(message.read_text())["rank"] == 0


def test_what_succeeds_writes_nothing(message):
    with failure_summary("train", 0):
        pass
    assert not message.exists()
