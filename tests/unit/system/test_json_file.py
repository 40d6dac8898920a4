"""Models in JSON files: absent, whole, or an error that says what to do."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict

from unet.system.errors import DataError, MachineError
from unet.system.json_file import read_model, write_model


class Inner(BaseModel):
    count: int


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")

    inner: Inner


def test_a_written_model_is_read_again(tmp_path: Path) -> None:
    model = Outer(inner=Inner(count=3))

    write_model(tmp_path / "model.json", model)

    assert read_model(tmp_path / "model.json", Outer, remedy="remove it") == model
    assert (tmp_path / "model.json").read_text().endswith("}\n")


def test_a_file_that_does_not_exist_is_no_error(tmp_path: Path) -> None:
    assert read_model(tmp_path / "model.json", Outer, remedy="remove it") is None


@pytest.mark.parametrize(
    ("content", "where"),
    [
        (b"", "model.json:"),
        (b'{"inner": ', "model.json:"),
        (b"\xff\xfe", "model.json:"),
        (b"[]", "model.json:"),
        (b'{"inner": {"count": "many"}}', "model.json: inner.count:"),
        (b'{"inner": {"count": 1}, "outer": 2}', "model.json: outer:"),
    ],
)
def test_a_damaged_file_is_named_with_the_field_and_the_remedy(
    tmp_path: Path, content: bytes, where: str
) -> None:
    (tmp_path / "model.json").write_bytes(content)

    with pytest.raises(DataError) as caught:
        read_model(tmp_path / "model.json", Outer, remedy="train again")

    assert where in str(caught.value)
    assert str(caught.value).endswith("; train again")
    assert "\n" not in str(caught.value)


def test_a_folder_in_the_files_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "model.json").mkdir()

    with pytest.raises(DataError, match=r"model\.json: Is a directory"):
        read_model(tmp_path / "model.json", Outer, remedy="remove it")


def test_a_folder_that_has_gone_is_no_full_disk(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match=r"missing.*No such file"):
        write_model(tmp_path / "missing" / "model.json", Outer(inner=Inner(count=3)))
