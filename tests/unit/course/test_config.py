"""What the course's flags ask of the training."""

from pathlib import Path

import pytest

from unet.course.commands import (
    channels_of,
    in_course_words,
    list_text,
    thread_notes,
    train_config,
    train_main,
)
from unet.course.flags import CourseFlags, parse_flags
from unet.data.dataset import Case, Dataset
from unet.data.msd import load_dataset
from unet.data.split import make_split
from unet.system.errors import DataError, DiskError, ExitCode, MemoryShortError, UsageError

BRAIN = {1: "edema", 2: "non-enhancing tumor", 3: "enhancing tumour"}


def dataset(channels=("FLAIR", "T1w", "t1gd", "T2w"), labels=BRAIN, cases=484) -> Dataset:
    made = tuple(
        Case(
            id=f"c{i:03}",
            image=Path(f"/d/imagesTr/c{i:03}.nii.gz"),
            label=Path(f"/d/labelsTr/c{i:03}.nii.gz"),
        )
        for i in range(cases)
    )
    return Dataset(root=Path("/d"), name="d", channels=channels, labels=labels, cases=made)


def parse(*words: str) -> CourseFlags:
    return parse_flags("train.py", "", words)


def test_the_defaults_are_the_courses_network_split_and_rate_on_flair_and_the_whole_tumour():
    config = train_config(parse(), dataset())
    assert (config.network, config.split, config.seed) == ("course", "course", 816)
    assert (config.channels, config.region) == (("FLAIR",), "whole-tumour")
    assert (config.epochs, config.filters, config.learning_rate) == (40, 16, 0.01)
    # Not given, so that the plan may give way where they cannot be had.
    assert config.patch_size is None
    assert config.batch_size is None


def test_given_flags_are_obeyed():
    words = ["--bz=4", "--patch_height=32", "--epochs=2", "--lr=0.5", "--intraop_threads=3"]
    config = train_config(parse(*words, "--train_test_split=0.5", "--use_upsampling"), dataset())
    assert (config.batch_size, config.patch_size) == (4, (32, 144, 144))
    assert (config.epochs, config.learning_rate, config.threads) == (2, 0.5, 3)
    assert config.course_fractions == (0.5, 0.5)
    assert config.upsampling


def test_omp_num_threads_sets_the_threads_and_the_flag_wins(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "8")
    assert train_config(parse(), dataset()).threads == 8
    assert train_config(parse("--intraop_threads=2"), dataset()).threads == 2


def test_the_same_command_has_the_same_run_folder_and_another_one_its_own():
    first = train_config(parse(), dataset())
    assert first.output.parent == Path("saved_model/3d_unet_decathlon_run")
    assert train_config(parse("--epochs=80"), dataset()).output == first.output  # goes on
    assert train_config(parse("--bz=4"), dataset()).output != first.output
    elsewhere = dataset().model_copy(update={"root": Path("/e")})
    assert train_config(parse(), elsewhere).output != first.output


def test_other_tasks_train_all_their_labels_as_one_region():
    hippocampus = dataset(channels=("MRI",), labels={1: "Anterior", 2: "Posterior"})
    config = train_config(parse(), hippocampus)
    assert (config.channels, config.region) == (("MRI",), "all")


def test_channels_are_flair_by_name_or_the_first_ones():
    moved = dataset(channels=("T1w", "FLAIR", "T2w"))
    assert channels_of(1, moved) == ("FLAIR",)
    assert channels_of(2, moved) == ("T1w", "FLAIR")
    with pytest.raises(UsageError, match=r"4, but .* T1w, FLAIR, T2w; give at most 3"):
        channels_of(4, moved)


def test_a_model_file_without_suffix_is_refused():
    with pytest.raises(UsageError, match=r"give it the suffix \.hdf5"):
        train_config(parse("--saved_model=model"), dataset())


def test_variables_and_flags_about_threads_are_answered_in_a_line_each():
    environment = {"OMP_NUM_THREADS": "8", "OMP_PROC_BIND": "true", "KMP_BLOCKTIME": "1"}
    assert thread_notes(parse(), environment) == [
        "8 threads per rank, from OMP_NUM_THREADS",
        "no effect: KMP_BLOCKTIME, OMP_PROC_BIND; TensorFlow's threads are not OpenMP's",
    ]
    own = thread_notes(parse("--intraop_threads=2", "--interop_threads=2", "--blocktime=0"), {})
    assert [line.split(";")[0] for line in own] == [
        "2 threads per rank, from --intraop_threads",
        "no effect: --blocktime",
        "no effect: --interop_threads",
    ]
    assert thread_notes(parse(), {}) == []


def test_the_lists_are_the_originals_image_comma_label_sorted_and_headless():
    data = dataset()
    split = make_split(data, "course")
    lines = list_text(split, "validation", data).splitlines()
    assert len(lines) == 36
    assert lines == sorted(lines)
    assert "/d/imagesTr/c294.nii.gz,/d/labelsTr/c294.nii.gz" in lines
    assert len(list_text(split, "training", data).splitlines()) == 411
    assert len(list_text(split, "test", data).splitlines()) == 37


def test_the_phantom_is_such_a_data_set(brains):
    config = train_config(parse("--data_path", str(brains)), load_dataset(brains))
    assert (config.channels, config.region) == (("FLAIR",), "whole-tumour")


def test_errors_name_the_courses_flags():
    error = in_course_words(MemoryShortError("--patch-size and --batch-size", "too much", "less"))
    assert error.where == "--patch_height, --patch_width, --patch_depth and --bz"
    assert error.code == ExitCode.MEMORY
    spoilt = DataError("a.nii", "truncated", "go on without with --max-bad-cases 1")
    assert in_course_words(spoilt).remedy == "go on without with --max_bad_cases 1"
    full = in_course_words(DiskError("p", "full", "free space or choose another --output"))
    assert full.remedy == "free space or choose another folder"


def test_as_many_bad_cases_as_allowed_are_left_out():
    assert train_config(parse(), dataset()).max_bad_cases == 0
    assert train_config(parse("--max_bad_cases=2"), dataset()).max_bad_cases == 2


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
