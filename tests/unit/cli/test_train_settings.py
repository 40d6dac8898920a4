"""Flags beat the configuration file, which beats the plan; what is wrong is named."""

import argparse
import json

import pytest

from unet.cli.arguments import add_flags, settings_from
from unet.cli.parser import Parser
from unet.planning.settings import FREE_TO_CHANGE, TrainSettings
from unet.system.errors import UsageError
from unet.system.settings_file import read_settings_file


def parse(*words):
    parser = Parser(prog="train", allow_abbrev=False)
    add_flags(parser, TrainSettings)
    given = vars(parser.parse_args(["--data_path", "d", "--output", "o", *words]))
    return settings_from(TrainSettings, given, "see --help")


def resolve(flags, file):
    return settings_from(TrainSettings, flags | ({"config": file} if file else {}), "see --help")


def refused(call, *parts):
    with pytest.raises(UsageError) as caught:
        call()
    for part in parts:
        assert part in str(caught.value)
    assert "\n" not in str(caught.value)


OF_THE_FIRST_RELEASE = {
    *("split", "fold", "folds", "validation_fraction", "course_fractions", "seed"),
    *("network", "upsampling", "precision", "recompute"),
}


def test_a_setting_that_came_later_lets_older_and_newer_releases_go_on_with_a_run():
    fields = TrainSettings.model_fields
    defaults = {name for name, field in fields.items() if field.default is not None}
    required = {name for name, field in fields.items() if field.is_required()}
    assert defaults - required - FREE_TO_CHANGE == OF_THE_FIRST_RELEASE


def test_what_is_not_given_is_left_to_the_plan():
    config = parse()
    for name in ("epochs", "batch_size", "patch_size", "spacing", "learning_rate", "threads"):
        assert getattr(config, name) is None
    assert (config.seed, config.split, config.resume) == (816, "random", "auto")


@pytest.mark.parametrize(
    ("words", "name", "value"),
    [
        ("--patch-size 64,64,32", "patch_size", (64, 64, 32)),
        ("--patch_size 64x64x32", "patch_size", (64, 64, 32)),
        ("--patch-size 48", "patch_size", (48, 48, 48)),
        ("--patch-size auto", "patch_size", None),
        ("--batch-size auto", "batch_size", None),
        ("--batch_size 3", "batch_size", 3),
        ("--spacing 1,1,2.5", "spacing", (1.0, 1.0, 2.5)),
        ("--channels FLAIR,T1w", "channels", ("FLAIR", "T1w")),
        ("--labels 1,3", "labels", (1, 3)),
        ("--labels 2", "labels", (2,)),
        ("--time-budget 90", "time_budget", 90.0),
        ("--time-budget 1h30m", "time_budget", 5400.0),
        ("--time_budget 0.5m", "time_budget", 30.0),
        ("--learning-rate 1e-4", "learning_rate", 1e-4),
        ("--recompute", "recompute", True),
    ],
)
def test_flags_are_read_as_people_write_them(words, name, value):
    assert getattr(parse(*words.split()), name) == value


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ("--epochs 0", "--epochs: 0, but it should be greater than or equal to 1"),
        ("--epochs two", "--epochs: two, but it should be a valid integer"),
        ("--seed -1", "--seed: -1"),
        ("--patch-size 3,4", "--patch-size: 3,4, but it should be three sizes"),
        ("--patch-size 8,8,0", "--patch-size: 0"),
        ("--spacing 0", "--spacing: 0"),
        ("--spacing nan", "--spacing: nan"),
        ("--learning-rate inf", "--learning-rate: inf"),
        ("--checkpoint-minutes -1", "--checkpoint-minutes: -1"),
        ("--max-bad-cases -1", "--max-bad-cases: -1"),
        ("--validation-fraction 1", "--validation-fraction: 1"),
        ("--time-budget 5x", "--time-budget: 5x, but it should be a time such as 90s, 20m"),
        ("--time-budget 1.2.3m", "--time-budget: 1.2.3m"),
        ("--time-budget 0s", "--time-budget: 0s"),
        ("--labels 1,x", "--labels: x"),
        ("--labels 300", "--labels: 300"),
        ("--region a --labels 1", "--region and --labels: exclude each other; give one"),
        ("--fold 9", "--fold: 9, but there are 5 folds; give 0 to 4"),
        ("--split foo", "invalid choice: 'foo'"),
        ("--epoch 3", "unrecognized arguments: --epoch 3; did you mean --epochs?"),
        ("--batch-sise=3", "did you mean --batch-size?"),
    ],
)
def test_a_wrong_flag_is_one_line_that_names_it(words, named):
    refused(lambda: parse(*words.split()), named)


def test_without_data_path_or_output_nothing_begins(tmp_path):
    refused(lambda: resolve({"output": "o"}, None), "--data_path: not given; name a folder")
    (tmp_path / "c.json").write_text('{"data_path": "d"}')
    refused(lambda: resolve({}, tmp_path / "c.json"), "--output: not given")


def test_flags_beat_the_file_and_the_file_beats_the_plan(tmp_path):
    file = tmp_path / "c.yaml"
    file.write_text(
        "data_path: elsewhere\nepochs: 7\nbatch-size: auto\npatch_size: [32, 32, 16]\n"
        "time_budget: 20m\nchannels: FLAIR\nlabels: 2\nspacing: 1.5\n"
    )
    config = parse("--config", str(file), "--epochs", "3")
    assert (config.epochs, str(config.data_path)) == (3, "d")
    assert (config.batch_size, config.patch_size) == (None, (32, 32, 16))
    assert (config.time_budget, config.channels, config.labels) == (1200.0, ("FLAIR",), (2,))
    assert config.spacing == (1.5, 1.5, 1.5)
    assert parse("--config", str(file), "--patch-size", "auto").patch_size is None


def test_the_saved_configuration_is_a_configuration_file(tmp_path):
    config = parse("--patch-size", "32", "--time-budget", "1m", "--labels", "1,2")
    file = tmp_path / "config.json"
    file.write_text(config.model_dump_json())
    assert resolve({}, file) == config


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("epoch: 3", "c.yaml: epoch: unknown key; did you mean epochs?"),
        ("learningrate: 3", "did you mean learning_rate?"),
        ("epochs: 0", "c.yaml: epochs: 0, but it should be greater"),
        ("spacing: [1, 2]", "c.yaml: spacing: [1, 2], but it should be three"),
        ("upsampling: maybe", "c.yaml: upsampling: maybe"),
        ("- 3", "c.yaml: not a mapping"),
        ("", "c.yaml: not a mapping"),
        ("a: [", "c.yaml: while parsing"),
    ],
)
def test_a_wrong_configuration_file_is_one_line_that_names_file_and_key(tmp_path, text, named):
    file = tmp_path / "c.yaml"
    file.write_text(text)
    refused(lambda: parse("--config", str(file)), f"--config {tmp_path}", named)


def test_a_configuration_file_that_cannot_be_read_is_named(tmp_path):
    refused(
        lambda: read_settings_file(tmp_path / "no.yaml", TrainSettings), "no.yaml: No such file"
    )
    refused(lambda: read_settings_file(tmp_path, TrainSettings), "Is a directory")
    (tmp_path / "b.yaml").write_bytes(b"\xff\xfe\x00\x81")
    refused(
        lambda: read_settings_file(tmp_path / "b.yaml", TrainSettings), "b.yaml: ", "YAML or JSON"
    )


def test_every_setting_but_the_internal_ones_is_a_flag():
    parser = argparse.ArgumentParser()
    add_flags(parser, TrainSettings)
    flags = {action.dest for action in parser._actions} - {"help", "config"}
    assert set(TrainSettings.model_fields) - flags == {"course_fractions"}
    assert flags <= set(TrainSettings.model_fields)


def test_the_identity_leaves_out_what_a_resumed_run_may_change():
    first = parse("--epochs", "2", "--batch-size", "4", "--threads", "1", "--time-budget", "1m")
    later = parse("--epochs", "9", "--batch-size", "2", "--threads", "2")
    assert first.identity() == later.identity()
    assert parse("--seed", "5").identity() != first.identity()
    assert json.loads(json.dumps(first.identity())) == first.identity()
