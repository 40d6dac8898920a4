"""A reader sees the whole file or the one before it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from unet.system.atomic_file import write_bytes, write_text


def test_a_file_is_replaced_whole_and_readable_by_others(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    write_text(file, "first")
    write_text(file, "zweite Zeile: µ")
    assert file.read_text(encoding="utf-8") == "zweite Zeile: µ"
    assert file.stat().st_mode & 0o777 == 0o644
    assert list(tmp_path.iterdir()) == [file]


def test_a_write_that_fails_keeps_the_older_file_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "notes.txt"
    write_text(file, "first")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_bytes(file, b"second")
    assert file.read_text() == "first"
    assert list(tmp_path.iterdir()) == [file]
