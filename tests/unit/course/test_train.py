"""What the course's flags ask of the training."""

from pathlib import Path

import pytest
from support.course import described_dataset, parsed_flags

from unet.course.channels import first_channels
from unet.course.train import train_main, train_settings
from unet.data.msd import load_dataset
from unet.system.errors import UsageError


def test_the_defaults_are_the_courses_network_split_and_rate_on_flair_and_the_whole_tumour():
    config = train_settings(parsed_flags(), described_dataset())
    assert (config.network, config.split, config.seed) == ("course", "course", 816)
    assert (config.channels, config.region) == (("FLAIR",), "whole-tumour")
    assert (config.epochs, config.filters, config.learning_rate) == (40, 16, 0.01)
    # Not given, so that the plan may give way where they cannot be had.
    assert config.patch_size is None
    assert config.batch_size is None


def test_given_flags_are_obeyed():
    words = ["--bz=4", "--patch_height=32", "--epochs=2", "--lr=0.5", "--intraop_threads=3"]
    config = train_settings(
        parsed_flags(*words, "--train_test_split=0.5", "--use_upsampling"), described_dataset()
    )
    assert (config.batch_size, config.patch_size) == (4, (32, 144, 144))
    assert (config.epochs, config.learning_rate, config.threads) == (2, 0.5, 3)
    assert config.course_fractions == (0.5, 0.5)
    assert config.upsampling


def test_omp_num_threads_sets_the_threads_and_the_flag_wins(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "8")
    assert train_settings(parsed_flags(), described_dataset()).threads == 8
    assert train_settings(parsed_flags("--intraop_threads=2"), described_dataset()).threads == 2


def test_the_same_command_has_the_same_run_folder_and_another_one_its_own():
    first = train_settings(parsed_flags(), described_dataset())
    assert first.output.parent == Path("saved_model/3d_unet_decathlon_run")
    assert (
        train_settings(parsed_flags("--epochs=80"), described_dataset()).output == first.output
    )  # goes on
    assert train_settings(parsed_flags("--bz=4"), described_dataset()).output != first.output
    elsewhere = described_dataset().model_copy(update={"root": Path("/e")})
    assert train_settings(parsed_flags(), elsewhere).output != first.output


def test_other_tasks_train_all_their_labels_as_one_region():
    hippocampus = described_dataset(channels=("MRI",), labels={1: "Anterior", 2: "Posterior"})
    config = train_settings(parsed_flags(), hippocampus)
    assert (config.channels, config.region) == (("MRI",), "all")


def test_channels_are_flair_by_name_or_the_first_ones():
    moved = described_dataset(channels=("T1w", "FLAIR", "T2w"))
    assert first_channels(1, moved) == ("FLAIR",)
    assert first_channels(2, moved) == ("T1w", "FLAIR")
    with pytest.raises(UsageError, match=r"4, but .* T1w, FLAIR, T2w; give at most 3"):
        first_channels(4, moved)


def test_a_model_file_without_suffix_is_refused():
    with pytest.raises(UsageError, match=r"give it the suffix \.hdf5"):
        train_settings(parsed_flags("--saved_model=model"), described_dataset())


def test_the_phantom_is_such_a_data_set(brains):
    config = train_settings(parsed_flags("--data_path", str(brains)), load_dataset(brains))
    assert (config.channels, config.region) == (("FLAIR",), "whole-tumour")


def test_as_many_bad_cases_as_allowed_are_left_out():
    assert train_settings(parsed_flags(), described_dataset()).max_bad_cases == 0
    assert train_settings(parsed_flags("--max_bad_cases=2"), described_dataset()).max_bad_cases == 2


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--data_path", "no"], 10, "no/dataset.json: no such file"),
        (["--bz=0"], 2, "--bz: 0, but it should be"),
        (["--number_input_channels=9"], 2, "--number_input_channels: 9, but dataset.json's"),
        (["--saved_model=m.pb"], 2, "--saved_model: m.pb would be no HDF5 file"),
        (["--lr=inf"], 2, "--lr: inf"),
        (["--train_test_split=0.1"], 10, "no training case left after the split"),
        (["--tile_width=20"], 2, "--patch_width: 20, but it should be a multiple of 16"),
    ],
)
def test_a_wrong_request_is_one_line_and_leaves_nothing(
    brains, tmp_path, monkeypatch, capsys, words, code, said
):
    monkeypatch.chdir(tmp_path)
    given = words if "--data_path" in words else ["--data_path", str(brains), *words]
    assert train_main("train.py", given) == code
    line = capsys.readouterr().err.strip()
    assert said in line
    assert "\n" not in line
    assert list(tmp_path.iterdir()) == []
