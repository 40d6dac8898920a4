import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from support.balls import AFFINE, SHAPE, make_about, some_weights

from unet.data.regions import Region, Target
from unet.data.volume import Volume
from unet.inference import engines
from unet.inference.engines import windows_at_once
from unet.inference.predictor import Predictor, activate, window_size
from unet.network.layers import InstanceNorm
from unet.network.saved_model import load_model, save_model
from unet.planning.network import NetworkSpec
from unet.system.errors import UsageError
from unet.system.machine import Machine, this_machine


def volume(seed=0):
    array = np.random.default_rng(seed).normal(100, 20, (*SHAPE, 1)).astype(np.float32)
    return Volume(array=array, affine=AFFINE, spacing=(1.0, 1.5, 2.0))


@pytest.mark.parametrize("normalisation", ["instance", "batch"])
def test_both_engines_give_the_same_probabilities(tmp_path, normalisation):
    about = make_about(normalisation=normalisation)
    weights = [np.abs(w) for w in some_weights(about.plan.network)]
    save_model(tmp_path / "m.hdf5", about, weights)
    saved = load_model(tmp_path / "m.hdf5")
    answers = [
        Predictor(saved, backend=name).probabilities(volume())
        for name in ("openvino", "tensorflow")
    ]
    assert answers[0].shape == (*SHAPE, 1)
    np.testing.assert_allclose(*answers, atol=1e-4)


def test_openvino_takes_an_instance_norm_for_one_kernel(saved):
    graph = engines.to_openvino(saved.model(), saved.plan.patch_size)
    kinds = [node.get_type_name() for node in graph.get_ordered_ops()]
    norms = sum(isinstance(layer, InstanceNorm) for layer in saved.model().layers)
    assert kinds.count("MVN") == norms > 0
    assert "ReduceMean" not in kinds


def test_the_answer_does_not_depend_on_how_the_file_is_turned(saved):
    predictor = Predictor(saved, backend="tensorflow")
    straight = volume()
    flipped = Volume(
        array=straight.array[::-1].copy(),
        affine=AFFINE
        @ np.array([[-1, 0, 0, SHAPE[0] - 1], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]]),
        spacing=straight.spacing,
    )
    np.testing.assert_allclose(
        predictor.probabilities(straight), predictor.probabilities(flipped)[::-1], atol=1e-5
    )


def test_prediction_is_mirrored_along_the_axes_of_training_only(saved):
    assert Predictor(saved, backend="tensorflow").mirror_axes == ()
    mirrored = Predictor(saved, backend="tensorflow", mirror=True)
    assert mirrored.mirror_axes == saved.plan.mirror_axes == (0,)
    plan = saved.plan.model_copy(update={"mirror_axes": ()})
    sided = replace(saved, about=saved.about.model_copy(update={"plan": plan}))
    assert Predictor(sided, backend="tensorflow", mirror=True).mirror_axes == ()


def test_mirroring_changes_the_answer_a_little_and_keeps_it_a_probability(saved):
    plain = Predictor(saved, backend="tensorflow").probabilities(volume())
    mirrored = Predictor(saved, backend="tensorflow", mirror=True).probabilities(volume())
    assert not np.array_equal(plain, mirrored)
    assert mirrored.min() >= 0
    assert mirrored.max() <= 1


def test_a_named_engine_that_is_not_installed_is_an_error_and_auto_falls_back(monkeypatch):
    monkeypatch.setattr(engines.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match="not installed"):
        engines.choose_engine("openvino")
    assert engines.choose_engine("auto") == "tensorflow"


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0.5, "bfloat16"), (0.9, "float32"), (1.5, "float32")]
)
def test_bfloat16_is_taken_only_where_it_is_clearly_faster(saved, monkeypatch, seconds, expected):
    # A clock on which float32 takes 1 s a window and bfloat16 `seconds`.
    steps = [0.0, 1.0] * engines.TRIES + [0.0, seconds] * engines.TRIES
    graph = engines.to_openvino(saved.model(), saved.plan.patch_size)
    monkeypatch.setattr(engines.time, "process_time", lambda: steps.pop(0))
    assert engines.faster_precision(graph) == expected


def test_a_processor_without_bfloat16_computes_in_float32(saved):
    machine = Machine(cores=1, memory_bytes=1 << 30, bfloat16=False)
    trained = saved.plan.model_copy(update={"precision": "bfloat16"})
    other = replace(saved, about=saved.about.model_copy(update={"plan": trained}))
    for engine in ("openvino", "tensorflow"):
        predictor = Predictor(other, backend=engine, machine=machine)
        predictor.probabilities(volume())
        assert predictor.ran == f"{engine} in float32"


@pytest.mark.parametrize("engine", ["openvino", "tensorflow"])
def test_a_model_trained_in_float32_is_computed_in_float32_on_any_processor(
    saved, engine, monkeypatch
):
    monkeypatch.setattr(engines, "faster_precision", lambda graph: "bfloat16")
    assert saved.plan.precision == "float32"
    machine = Machine(cores=1, memory_bytes=1 << 30, bfloat16=True)
    predictor = Predictor(saved, backend=engine, machine=machine)
    predictor.probabilities(volume())
    assert predictor.ran == f"{engine} in float32"


@pytest.mark.parametrize("faster", ["bfloat16", "float32"])
def test_a_model_trained_in_bfloat16_runs_in_what_a_trial_finds_faster(saved, faster, monkeypatch):
    monkeypatch.setattr(engines, "faster_precision", lambda graph: faster)
    trained = saved.plan.model_copy(update={"precision": "bfloat16"})
    other = replace(saved, about=saved.about.model_copy(update={"plan": trained}))
    machine = Machine(cores=1, memory_bytes=1 << 30, bfloat16=True)
    predictor = Predictor(other, backend="openvino", machine=machine)
    predictor.probabilities(volume())
    assert predictor.ran == f"openvino in {faster}"


SIGNALLED_AFTER_OPENVINO = """
import faulthandler, gc, signal, sys
faulthandler.enable()  # as pytest does: a signal stack that OpenVINO replaces
from unet.network.saved_model import load_model
from unet.inference.engines import OpenVinoEngine
model = load_model(sys.argv[1]).model()
engines = [
    OpenVinoEngine(model, (16, 16, 16), threads=1, batch=1, precision="float32") for _ in range(2)
]
while engines:  # the first made ends first
    del engines[0]
    gc.collect()
assert sys.modules["openvino_telemetry"] is None
assert "openvino.tools.ovc.telemetry_stub" in sys.modules
signal.signal(signal.SIGTERM, lambda *_: print("told"))
signal.raise_signal(signal.SIGTERM)
"""


def test_openvino_leaves_signals_their_handlers_and_tells_no_server(model_file):
    done = subprocess.run(
        [sys.executable, "-c", SIGNALLED_AFTER_OPENVINO, str(model_file)],
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (0, "told\n"), done.stderr


@pytest.mark.skipif(not this_machine().bfloat16, reason="this processor has no bfloat16")
def test_both_precisions_give_nearly_the_same_probabilities(saved):
    windows = np.random.default_rng(0).normal(size=(2, 16, 16, 16, 1)).astype(np.float32)
    answers = []
    for precision in ("float32", "bfloat16"):
        engine = engines.make_engine(
            "openvino",
            saved.model(),
            (16, 16, 16),
            filters=4,
            threads=1,
            memory_bytes=1 << 30,
            precision=precision,
        )
        assert engine.precision == precision
        answers.append(activate(engine(windows[:1]), saved.target))
    np.testing.assert_allclose(*answers, atol=0.05)
    assert not np.array_equal(*answers)


@pytest.mark.parametrize(("memory", "expected"), [(1 << 40, 4), (1, 1), (1000 << 20, 2)])
def test_windows_at_once_follow_memory_and_threads(memory, expected):
    batch = windows_at_once("openvino", (96, 96, 96), 16, 4, memory)
    assert batch == expected


class TestActivation:
    def test_softmax_is_a_distribution_even_for_large_logits(self):
        target = Target(
            regions=(Region(name="a", labels=(1,)), Region(name="b", labels=(2,))), exclusive=True
        )
        logits = np.array([[1e4, 0.0, -1e4], [1.0, 2.0, 3.0]], np.float32)
        answer = activate(logits.copy(), target)
        np.testing.assert_allclose(answer.sum(-1), 1, rtol=1e-6)
        np.testing.assert_allclose(
            answer[1], np.exp(logits[1]) / np.exp(logits[1]).sum(), rtol=1e-5
        )

    def test_sigmoid_has_its_closed_form_and_no_overflow(self):
        target = Target(regions=(Region(name="a", labels=(1,)),), exclusive=False)
        with np.errstate(all="raise"):
            answer = activate(np.array([-1e4, -2.0, 0.0, 2.0, 1e4], np.float32), target)
        expected = [0, 1 / (1 + np.exp(2)), 0.5, 1 / (1 + np.exp(-2)), 1]
        np.testing.assert_allclose(answer, expected, atol=1e-6)


class TestWindowSize:
    patch = (16, 32, 16)

    def spec(self, normalisation):
        return NetworkSpec(
            channels=1,
            outputs=1,
            filters=(4, 8, 16),
            strides=((2, 2, 2),) * 2,
            normalisation=normalisation,
        )

    def test_instance_norm_keeps_the_patch_of_the_training(self):
        assert window_size(self.spec("instance"), self.patch, (200, 200, 200)) == self.patch

    def test_batch_norm_grows_towards_the_volume_in_steps_the_network_can_halve(self):
        assert window_size(self.spec("batch"), self.patch, (35, 17, 300)) == (36, 32, 128)
