"""A whole run: stopped, damaged and resumed, it ends where the undisturbed one does."""

import json
import os
import signal

import numpy as np
import pytest
from support import tiny

from tests.unit.training.test_tensorboard import events
from unet.data.split import load_split
from unet.network.saved_model import load_model
from unet.parallel.solo import Solo
from unet.system.errors import NumericError, PeerLostError, Terminated, UsageError
from unet.system.json_file import write_model
from unet.system.logfmt import parse_line
from unet.system.threads import use_threads
from unet.system.values import seconds
from unet.training import loop as module
from unet.training.checkpointing import Checkpointing
from unet.training.feed import Feed
from unet.training.loop import train
from unet.training.step import Trainer
from unet.training.timing import RunTime
from unet.training.validation import Validation, Validator

use_threads(1)  # before TensorFlow's first operation in this process


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tiny.write_dataset(tmp_path_factory.mktemp("life") / "data")


def content(run):
    return {file: file.read_bytes() for file in run.rglob("*") if file.is_file()}


def weights(run):
    return load_model(run).weights


@pytest.fixture(scope="module")
def undisturbed(data, tmp_path_factory):
    run = tiny.make_run(data, tmp_path_factory.mktemp("undisturbed"))
    train(tiny.train_config(data, run), Solo())
    return weights(run)


def assert_same(run, expected):
    found = weights(run)
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def during_step(monkeypatch, number, act):
    """Runs `act(image)` before a step, counted from 1 over this test."""
    plain, count = Trainer.step, [0]

    def step(self, image, target, rate, stop):
        count[0] += 1
        if count[0] == number:
            act()
        return plain(self, image, target, rate, stop)

    monkeypatch.setattr(Trainer, "step", step)


def test_terminated_in_mid_epoch_it_resumes_to_the_same_weights(
    data, tmp_path, undisturbed, monkeypatch, capsys
):
    run = tiny.make_run(data, tmp_path / "run")
    plain = Trainer.step

    def step(self, image, target, rate, stop):
        result = plain(self, image, target, rate, stop)
        step.count += 1
        if step.count == 6:
            os.kill(os.getpid(), signal.SIGTERM)
        return result

    step.count = 0
    monkeypatch.setattr(Trainer, "step", step)
    with pytest.raises(Terminated) as caught:
        train(tiny.train_config(data, run), Solo())
    assert caught.value.code == 143
    assert "event=checkpoint epoch=1 step=7 path=checkpoints/000007" in capsys.readouterr().out
    train(tiny.train_config(data, run), Solo())
    assert "event=resume epoch=1 step=7 from=checkpoints/000007" in capsys.readouterr().out
    assert_same(run, undisturbed)


def test_terminated_while_it_validates_it_resumes_to_the_same_weights(
    data, tmp_path, undisturbed, monkeypatch, capsys
):
    run = tiny.make_run(data, tmp_path / "run")
    plain, rounds = Validator.validate, []

    def validate(self, trainer, before_case):
        rounds.append(None)
        if len(rounds) == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return plain(self, trainer, before_case)

    monkeypatch.setattr(Validator, "validate", validate)
    with pytest.raises(Terminated):
        train(tiny.train_config(data, run), Solo())
    assert "event=checkpoint epoch=1 step=8" in capsys.readouterr().out
    train(tiny.train_config(data, run), Solo())
    assert "event=resume epoch=1 step=8" in capsys.readouterr().out
    assert_same(run, undisturbed)


def test_terminated_before_the_first_step_it_ends_at_once(data, tmp_path, monkeypatch):
    run = tiny.make_run(data, tmp_path / "run")
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(module, "prepare", lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    with pytest.raises(Terminated) as caught:
        train(tiny.train_config(data, run), Solo())
    assert caught.value.code == 143
    assert not (run / "checkpoints").exists()
    assert signal.getsignal(signal.SIGTERM) is before


def test_every_epoch_leaves_its_figures_and_a_picture(data, tmp_path):
    run = tiny.make_run(data, tmp_path / "run", epochs=2)
    train(tiny.train_config(data, run), Solo())
    epochs = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    shown = events(run / "tensorboard")[1:]
    assert [record["epoch"] for record in epochs] == [event.step for event in shown] == [1, 2]
    for record, event in zip(epochs, shown, strict=True):
        values = {value.tag: value for value in event.summary.value}
        assert values["val_dice"].simple_value == pytest.approx(record["val_dice"])
        assert (values["overlay"].image.height, values["overlay"].image.width) == tiny.SHAPE[1::-1]


def test_time_that_earlier_lives_used_counts_against_the_budget(data, tmp_path, monkeypatch):
    run = tiny.make_run(data, tmp_path / "run", epochs=50)
    config = tiny.train_config(data, run, time_budget=3600.0)
    with monkeypatch.context() as patch:
        during_step(patch, 2, lambda: os.kill(os.getpid(), signal.SIGTERM))
        with pytest.raises(Terminated):
            train(config, Solo())
    plain = Checkpointing.adopt

    def adopt(self, checkpoint):
        position = plain(self, checkpoint)
        assert 0 < position.elapsed < 3600
        return position.model_copy(update={"elapsed": 3600.0})

    monkeypatch.setattr(Checkpointing, "adopt", adopt)
    train(config, Solo())
    assert load_model(run).about.epoch == 1


def as_if_used(monkeypatch, seconds):
    """Lets the run's clock stand where the list's only item says."""
    monkeypatch.setattr(RunTime, "elapsed", lambda _: seconds[0])


def test_time_that_is_up_ends_the_epoch_and_the_run_with_a_scored_model(
    data, tmp_path, monkeypatch, capsys
):
    run = tiny.make_run(data, tmp_path / "run", epochs=50)
    used = [0.0]
    as_if_used(monkeypatch, used)
    during_step(monkeypatch, 6, lambda: used.__setitem__(0, 99.5))
    done = train(tiny.train_config(data, run, time_budget=100.0), Solo())
    said = capsys.readouterr().out
    assert "event=checkpoint epoch=2 step=7" in said  # the step that was begun, and one more
    assert done.validation_dice is not None
    assert load_model(run).about.validation_dice == done.validation_dice
    lines = [parse_line(line) for line in said.splitlines()]
    assert lines[-1]["event"] == "done"
    assert next(line for line in lines if line.get("event") == "budget")["seconds"] == "100"
    etas = [seconds(line["eta"]) for line in lines if line.get("eta", "0s") != "0s"]
    assert etas
    assert max(etas) <= 100


def test_a_run_that_used_up_its_budget_goes_on_with_a_larger_one(
    data, tmp_path, monkeypatch, capsys
):
    run = tiny.make_run(data, tmp_path / "run", step_seconds=1.0)
    used = [0.0]
    as_if_used(monkeypatch, used)
    during_step(monkeypatch, 2, lambda: used.__setitem__(0, 58.0))
    train(tiny.train_config(data, run, time_budget=60.0), Solo())
    before = (run / "plan.json").read_text()
    capsys.readouterr()
    train(tiny.train_config(data, run, time_budget=60.0), Solo())
    assert "1 of 1 epochs are trained already, and 1m00s are used up" in capsys.readouterr().out
    rates = []
    plain = Trainer.step

    def step(self, image, target, rate, stop):
        rates.append(rate)
        return plain(self, image, target, rate, stop)

    monkeypatch.setattr(Trainer, "step", step)
    during_step(monkeypatch, 9, lambda: used.__setitem__(0, 118.0))
    train(tiny.train_config(data, run, time_budget=120.0), Solo())
    said = capsys.readouterr().out
    assert "event=resume epoch=1" in said
    assert "trained already" not in said
    assert len(rates) >= 9
    assert rates[0] < rates[1]  # it rises from where it ended
    assert (run / "plan.json").read_text() == before


def test_a_model_that_learned_nothing_is_said_to_have_and_ends_well(
    data, tmp_path, monkeypatch, capsys
):
    message = tmp_path / "message"
    monkeypatch.setenv("UNET_TERMINATION_LOG", str(message))
    scores = {"nothing": 0.07, "something": 0.9}
    for name, score in scores.items():
        run = tiny.make_run(data, tmp_path / name, epochs=1)
        monkeypatch.setattr(Validator, "validate", lambda *_, score=score: Validation(score, None))
        done = train(tiny.train_config(data, run), Solo())
        said = capsys.readouterr().out
        learned = name == "something"
        assert done.learned is learned
        assert f"learned={'yes' if learned else 'no'}" in said
        assert ("next to nothing was learned" in said) is not learned
        told = json.loads(message.read_text())
        assert (told["code"], told["learned"]) == (0, learned)


def test_the_last_validation_ends_with_the_time_but_not_before_a_case(data, tmp_path, monkeypatch):
    run = tiny.make_run(data, tmp_path / "run", epochs=1)
    used, scored = [0.0], []
    as_if_used(monkeypatch, used)
    plain = Validator._masks

    def masks(self, case):
        scored.append(case)
        used[0] = 1e6
        return plain(self, case)

    monkeypatch.setattr(Validator, "_masks", masks)
    config = tiny.train_config(data, run, time_budget=1000.0, validation_fraction=0.4)
    during_step(monkeypatch, 4, lambda: used.__setitem__(0, 999.0))
    train(config, Solo())
    assert len(scored) == 1


@pytest.fixture
def worse_in_the_end(data, tmp_path, monkeypatch):
    """A run of two epochs of which the first has the better Dice; its folder."""
    run = tiny.make_run(data, tmp_path / "run", epochs=2)
    scores = iter((0.9, 0.1))
    monkeypatch.setattr(Validator, "validate", lambda *_: Validation(next(scores), None))
    return run


def averages_of(run, step):
    """The averaged weights of a checkpoint."""
    arrays = np.load(run / "checkpoints" / step / "state.npz")
    return [arrays[name] for name in sorted(arrays.files) if name.startswith("ema/")][1:]


def test_the_last_averaged_weights_are_the_model(data, worse_in_the_end, capsys):
    done = train(tiny.train_config(data, worse_in_the_end), Solo())
    about = load_model(worse_in_the_end).about
    assert (about.epoch, about.validation_dice, done.validation_dice) == (2, 0.1, 0.1)
    said = capsys.readouterr().out
    assert "event=done code=0 val_dice=0.1 epoch=2 best_val_dice=0.9 best_epoch=1" in said


def test_which_epoch_is_kept_may_be_changed_when_a_run_is_done(data, worse_in_the_end):
    models = {}
    for keep in ("last", "best", "last"):
        train(tiny.train_config(data, worse_in_the_end, keep=keep), Solo())
        about, models[keep] = load_model(worse_in_the_end).about, weights(worse_in_the_end)
        epoch, dice, step = {"last": (2, 0.1, "000008"), "best": (1, 0.9, "000004")}[keep]
        assert (about.epoch, about.validation_dice) == (epoch, dice)
        shadow = averages_of(worse_in_the_end, step)
        for array in models[keep]:
            assert any(a.shape == array.shape and np.array_equal(a, array) for a in shadow)
    differ = (a != b for a, b in zip(models["last"], models["best"], strict=True))
    assert any(array.any() for array in differ)


def test_the_best_of_an_earlier_life_is_kept_after_a_resume(data, worse_in_the_end, monkeypatch):
    during_step(monkeypatch, 6, lambda: os.kill(os.getpid(), signal.SIGTERM))
    with pytest.raises(Terminated):
        train(tiny.train_config(data, worse_in_the_end, keep="best"), Solo())
    train(tiny.train_config(data, worse_in_the_end, keep="best"), Solo())
    about = load_model(worse_in_the_end).about
    assert (about.epoch, about.validation_dice) == (1, 0.9)


def test_damaged_best_checkpoint_leaves_no_claim_of_its_dice(data, worse_in_the_end):
    train(tiny.train_config(data, worse_in_the_end, keep="best"), Solo())
    assert load_model(worse_in_the_end).about.validation_dice == 0.9
    (worse_in_the_end / "checkpoints" / "000004" / "state.npz").write_bytes(b"")
    train(tiny.train_config(data, worse_in_the_end, keep="best"), Solo())
    about = load_model(worse_in_the_end).about
    assert (about.epoch, about.validation_dice) == (2, 0.1)


def test_crashed_with_a_damaged_newest_checkpoint_it_falls_back(
    data, tmp_path, undisturbed, monkeypatch, capsys
):
    run = tiny.make_run(data, tmp_path / "run")
    config = tiny.train_config(data, run, checkpoint_minutes=1e-9)  # one after every step

    class Crash(Exception):
        pass

    def crash():
        raise Crash

    with monkeypatch.context() as patch:
        during_step(patch, 7, crash)
        with pytest.raises(Crash):
            train(config, Solo())
    newest = run / "checkpoints" / "000006" / "state.npz"
    newest.write_bytes(newest.read_bytes()[:-100])
    capsys.readouterr()
    train(config, Solo())
    said = capsys.readouterr().out
    assert "event=warning" in said
    assert "from=checkpoints/000005" in said
    assert_same(run, undisturbed)


def test_newer_attempt_stops_the_older_one_with_13(data, tmp_path, monkeypatch):
    run = tiny.make_run(data, tmp_path / "run")
    during_step(monkeypatch, 2, lambda: (run / "fence").write_text("2\n"))
    with pytest.raises(PeerLostError) as caught:
        train(tiny.train_config(data, run, attempt=1), Solo())
    assert caught.value.code == 13
    assert [p.name for p in (run / "checkpoints").iterdir()] == ["000000"]


def test_other_settings_are_refused_by_name_and_never_begins_anew(data, tmp_path, capsys):
    run = tiny.make_run(data, tmp_path / "run", epochs=1)
    train(tiny.train_config(data, run), Solo())
    before = content(run)
    with pytest.raises(UsageError, match=r"--seed: 3, but .* was written with 816"):
        train(tiny.train_config(data, run, seed=3), Solo())
    assert content(run) == before
    capsys.readouterr()
    train(tiny.train_config(data, run, seed=3, resume="never"), Solo())
    said = capsys.readouterr().out
    assert "event=resume" not in said
    assert "epoch=1/1" in said


def test_a_run_that_is_trained_says_so_and_how_to_go_on(data, tmp_path, capsys):
    run = tiny.make_run(data, tmp_path / "run", epochs=1)
    train(tiny.train_config(data, run), Solo())
    assert "trained already" not in capsys.readouterr().out
    train(tiny.train_config(data, run), Solo())
    said = capsys.readouterr().out
    assert "event=warning" in said
    assert "1 of 1 epochs are trained already" in said
    assert "--resume never" in said


def test_a_run_that_is_done_goes_on_with_a_larger_budget(data, tmp_path, monkeypatch, capsys):
    run = tiny.make_run(data, tmp_path / "run", epochs=1)
    train(tiny.train_config(data, run), Solo())
    monkeypatch.setattr("unet.training.time_budget.epochs_that_fit", lambda **_: 3)
    train(tiny.train_config(data, run, time_budget=3600.0), Solo())
    said = capsys.readouterr().out
    assert "trained already" not in said
    assert "epoch=3/3" in said


def test_a_run_keeps_its_own_split(data, tmp_path):
    """As one of a release whose --seed moved the folds, or whose table of groups is gone."""
    run = tiny.make_run(data, tmp_path / "run", epochs=1)
    config = tiny.train_config(data, run, validation_fraction=0.4)
    train(config, Solo())
    split = load_split(run / "split.json")
    swapped = split.model_copy(update={"training": split.validation, "validation": split.training})
    write_model(run / "split.json", swapped)
    train(config.model_copy(update={"epochs": 2}), Solo())
    assert load_split(run / "split.json") == swapped
    assert load_model(run).split == swapped


def test_plan_of_other_regions_is_refused(tmp_path):
    run = tiny.make_run(tiny.write_dataset(tmp_path / "one"), tmp_path / "run")
    other = tiny.write_dataset(tmp_path / "two", labels=2)
    (run / "fingerprint.json").unlink()
    with pytest.raises(UsageError, match=r"plan\.json: made for other regions"):
        train(tiny.train_config(other, run), Solo())


def test_nan_that_stays_rolls_back_three_times_and_names_the_cases(
    data, tmp_path, monkeypatch, capsys
):
    run = tiny.make_run(data, tmp_path / "run")
    spoilt = []
    plain = Feed.batches

    def batches(self, epoch, steps, first=0):
        for index, batch in enumerate(plain(self, epoch, steps, first), start=first):
            if index >= 1:
                batch.image[:] = np.nan
                spoilt.extend(batch.cases)
            yield batch

    monkeypatch.setattr(Feed, "batches", batches)
    with pytest.raises(NumericError) as caught:
        train(tiny.train_config(data, run), Solo())
    said = capsys.readouterr().out
    assert caught.value.code == 11
    assert said.count("event=nan") == 12
    assert [line for line in said.splitlines() if line.startswith("event=rollback")] == [
        f"event=rollback number={n} rate_factor={0.5**n}" for n in (1, 2, 3)
    ]
    for case in set(spoilt):
        assert case in caught.value.found
