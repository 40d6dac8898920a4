"""The training step: slices of a batch, and steps that are not finite."""

import numpy as np
import pytest
import tensorflow as tf
from support import tiny

from unet.parallel.solo import Solo
from unet.planning.plan import StepShape
from unet.system.errors import UsageError
from unet.system.threads import use_threads
from unet.training.step import Trainer


def make(batch, micro=None, normalisation="instance", activation="sigmoid"):
    use_threads(1)
    network = tiny.network(
        outputs=2,
        filters=(4, 6, 8),
        strides=((2, 2, 2),) * 2,
        supervised_levels=2,
        normalisation=normalisation,
    )
    shape = StepShape(
        network=network,
        patch_size=tiny.PATCH,
        batch_size=batch,
        micro_batch=micro,
        activation=activation,
        threads=1,
        precision="float32",
    )
    return Trainer(shape, Solo(), seed=1)


@pytest.fixture(scope="module")
def whole():
    return make(4)


@pytest.fixture(scope="module")
def sliced():
    return make(4, 1)


def flat(arrays):
    return np.concatenate([np.asarray(array, np.float64).ravel() for array in arrays])


def test_slices_have_the_gradient_of_the_whole_batch(whole, sliced):
    image, target = tiny.random_batch(4, outputs=2)
    sliced.restore(whole.state(), "here")
    expected, total = whole.gradients(tf.constant(image), tf.constant(target), tf.constant(0.0))
    sums = tf.add_n(
        [
            sliced._slice_sums(tf.constant(image[i : i + 1]), tf.constant(target[i : i + 1]))
            for i in range(4)
        ]
    )
    np.testing.assert_allclose(sums, total, rtol=1e-5)
    for i in range(4):
        sliced._add(tf.constant(image[i : i + 1]), tf.constant(target[i : i + 1]), sums)
    found = flat(sliced._total)
    for variable in sliced._total:
        variable.assign(tf.zeros_like(variable))
    expected = flat(expected)
    assert np.linalg.norm(found - expected) < 1e-5 * np.linalg.norm(expected)


def test_slices_report_and_step_like_the_whole_batch(whole, sliced):
    sliced.restore(whole.state(), "here")
    before = whole.state()
    for seed in range(3):
        image, target = tiny.random_batch(4, outputs=2, seed=seed)
        one = whole.step(image, target, 1e-3, stop=seed == 2)
        other = sliced.step(image, target, 1e-3, stop=seed == 2)
        assert other.loss == pytest.approx(one.loss, rel=1e-4)
        assert other.dice == pytest.approx(one.dice, rel=1e-4)
        assert (other.finite, other.stopping) == (True, seed == 2) == (one.finite, one.stopping)
    moved = np.linalg.norm(
        flat(whole.ema.shadow)
        - flat([before[name] for name in before if name.startswith("ema/") and name != "ema/0000"])
    )
    apart = np.linalg.norm(flat(whole.ema.shadow) - flat(sliced.ema.shadow))
    assert apart < 0.02 * moved


@pytest.mark.parametrize("kind", ["whole", "sliced"])
def test_step_that_is_not_finite_changes_nothing(kind, request):
    trainer = request.getfixturevalue(kind)
    image, target = tiny.random_batch(4, outputs=2)
    image[2, 3, 3, 3] = np.nan
    before = trainer.state()
    result = trainer.step(image, target, 1e-3, stop=False)
    assert not result.finite
    for name, array in trainer.state().items():
        np.testing.assert_array_equal(array, before[name], err_msg=name)
    image, target = tiny.random_batch(4, outputs=2)
    assert trainer.step(image, target, 1e-3, stop=False).finite


def test_moving_statistics_survive_a_step_that_is_not_finite():
    trainer = make(2, normalisation="batch", activation="softmax")
    image, target = tiny.random_batch(2, outputs=2)
    assert trainer.step(image, target, 1e-3, stop=False).finite
    before = trainer.state()
    image[0] = np.inf
    assert not trainer.step(image, target, 1e-3, stop=False).finite
    for name, array in trainer.state().items():
        np.testing.assert_array_equal(array, before[name], err_msg=name)


def test_averaged_weights_come_with_the_averages_of_their_statistics():
    trainer = make(2, normalisation="batch")
    image, target = tiny.random_batch(2, outputs=2)
    decays = [min(0.999, (1 + t) / (10 + t)) for t in range(1, 6)]
    wanted = [variable.numpy() for variable in trainer.statistics]
    for step, decay in enumerate(decays):
        trainer.step(image * (1 + step), target, 1e-2, stop=False)
        pairs = zip(wanted, trainer.statistics, strict=True)
        wanted = [decay * old + (1 - decay) * new.numpy() for old, new in pairs]
    averaged = dict(
        zip((v.path for v in trainer.model.weights), trainer.averaged_weights(), strict=True)
    )
    for variable, value in zip(trainer.model.non_trainable_variables, wanted, strict=True):
        np.testing.assert_allclose(averaged[variable.path], value, rtol=1e-4, atol=1e-6)


def test_a_checkpoint_from_before_statistics_were_averaged_still_loads():
    trainer = make(2, normalisation="batch")
    image, target = tiny.random_batch(2, outputs=2)
    trainer.step(image, target, 1e-2, stop=False)
    state = trainer.state()
    old = {k: v for k, v in state.items() if not k.startswith("ema_statistics/")}
    trainer.restore(old, "here")
    averages = trainer.statistics_ema.shadow
    for average, statistic in zip(averages, trainer.statistics, strict=True):
        np.testing.assert_array_equal(average, statistic)
    assert trainer.statistics_ema.updates.numpy() == 1.0


def test_arrays_of_another_network_are_refused_before_anything_changes(whole):
    before = whole.state()
    name = "model/0000"
    with pytest.raises(UsageError, match=r"file: model/0000 has shape \(1,\)"):
        whole.restore({k: v + 1 for k, v in before.items()} | {name: np.zeros(1)}, "file")
    with pytest.raises(UsageError, match="model/0000 is missing in it"):
        whole.restore({k: v + 1 for k, v in before.items() if k != name}, "file")
    with pytest.raises(UsageError, match="model/9999 is an array this network has not"):
        whole.restore(before | {"model/9999": np.zeros(1)}, "file")
    for key, array in whole.state().items():
        np.testing.assert_array_equal(array, before[key])


def test_slice_that_does_not_divide_the_batch_is_refused():
    with pytest.raises(UsageError, match="divide batch 4"):
        make(4, 3)
