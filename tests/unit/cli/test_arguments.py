"""A model's fields become flags."""

from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field

from unet.cli.arguments import add_flags, settings_from
from unet.cli.parser import Parser
from unet.system.errors import UsageError
from unet.system.settings import Flag, Settings
from unet.system.values import FromOne


class Example(Settings):
    output_folder: Annotated[Path, Flag("DIR")] = Field(description="where to")
    parts: Annotated[FromOne, Flag("N", "sizes", underscores_first=True)] = Field(
        3, description="how many (default: {default})"
    )
    engine: Annotated[Literal["fast", "exact"], Flag()] = Field("fast", description="which")
    quick: Annotated[bool, Flag()] = Field(False, description="sooner")
    mirror: Annotated[bool, Flag()] = Field(True, description="both ways")
    pictures: Annotated[bool, Flag(names=("--no-pictures",))] = Field(True, description="none")
    notes: Annotated[tuple[str, ...], Flag("TEXT", repeated=True)] = Field((), description="each")
    share: Annotated[float, Flag("X")] = Field(0.25, gt=0, description="default: {default}")
    internal: int = 0
    rest: Annotated[tuple[str, ...], Flag("WORD", count="...")] = Field((), description="words")


def parser():
    made = Parser(prog="example", allow_abbrev=False)
    add_flags(made, Example)
    return made


def read(*words):
    given = vars(parser().parse_args(["--output-folder", "o", *words]))
    return settings_from(Example, given, "see `example --help`")


def test_what_is_not_given_has_the_models_default():
    settings = read()
    assert settings == Example(output_folder=Path("o"))
    assert settings.model_fields_set <= {"output_folder", "rest"}


def test_each_kind_of_field_is_read():
    settings = read(
        *("--parts", "4", "--engine", "exact", "--quick", "--no-mirror", "--no-pictures"),
        *("--notes", "a", "--notes", "b", "--share", "0.5", "--", "x", "--y"),
    )
    assert (settings.parts, settings.engine, settings.quick) == (4, "exact", True)
    assert (settings.mirror, settings.pictures) == (False, False)
    assert (settings.notes, settings.share) == (("a", "b"), 0.5)
    assert settings.rest[-2:] == ("x", "--y")


def test_both_spellings_are_taken_and_the_help_names_the_usual_one_first():
    assert vars(parser().parse_args(["--output_folder", "o"]))["output_folder"] == "o"
    text = parser().format_help()
    assert "--output-folder DIR, --output_folder DIR" in text
    assert "how many (default: 3)" in text
    assert "default: 0.25" in text
    assert "\nsizes:\n" in text
    assert "internal" not in text


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--parts", "0"], "argument --parts: '0' is no whole number from 1; see `example --help`"),
        (["--parts=many"], "argument --parts: 'many' is no whole number from 1"),
        (["--share", "half"], "argument --share: invalid float value: 'half'"),
        (["--share", "-1"], "--share: -1.0, but it should be greater than 0"),
        (["--engine", "slow"], "invalid choice: 'slow'"),
        (["--partz", "4"], "did you mean --parts?"),
    ],
)
def test_a_wrong_value_is_one_line_that_names_the_flag(words, named):
    with pytest.raises(UsageError) as caught:
        read(*words)
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_setting_is_named():
    with pytest.raises(UsageError, match=r"required: --output-folder/--output_folder"):
        parser().parse_args([])
