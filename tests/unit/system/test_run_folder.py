"""What cannot be made or written in the run folder is a disk error."""

from __future__ import annotations

from pathlib import Path

import pytest

from unet.system.errors import UsageError
from unet.system.run_folder import make_folder, write_file


def test_a_folder_is_made_with_its_parents_and_kept_if_it_is_there(tmp_path: Path) -> None:
    make_folder(tmp_path / "a" / "b")
    write_file(tmp_path / "a" / "b" / "notes.txt", "one line")
    make_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b" / "notes.txt").read_text() == "one line\n"


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="file"):
        make_folder(tmp_path / "file")
    with pytest.raises(UsageError, match="Not a directory"):
        write_file(tmp_path / "file" / "notes.txt", "one line")
