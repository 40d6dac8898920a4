import json

import numpy as np
import pytest
from support.balls import make_about, some_weights

from unet.cli.main import main
from unet.inference import export as module
from unet.inference.engines import openvino_core
from unet.inference.export import export
from unet.network.saved_model import save_model
from unet.system.errors import NumericError, UsageError


@pytest.mark.parametrize(("normalisation", "outputs"), [("instance", 3), ("batch", 1)])
def test_both_formats_agree_with_the_model(tmp_path, normalisation, outputs):
    about = make_about(outputs, exclusive=outputs > 1, normalisation=normalisation)
    weights = [np.abs(w) for w in some_weights(about.plan.network)]
    save_model(tmp_path / "m.hdf5", about, weights)
    assert (
        main(
            ["export", "--saved_model", str(tmp_path / "m.hdf5"), "--output", str(tmp_path / "out")]
        )
        == 0
    )
    exported = json.loads((tmp_path / "out/export.json").read_text())
    assert set(exported["files"]) == {"onnx", "openvino"}
    assert max(exported["parity"].values()) <= 1e-3
    assert {p.name for p in (tmp_path / "out").iterdir()} == {
        "unet3d.onnx",
        "unet3d.xml",
        "unet3d.bin",
        "export.json",
    }


def test_the_exported_onnx_takes_any_batch(saved, tmp_path):
    import onnxruntime

    export(saved, tmp_path, ("onnx",))
    session = onnxruntime.InferenceSession(str(tmp_path / "unet3d.onnx"))
    windows = np.random.default_rng(0).normal(size=(3, 16, 16, 16, 1)).astype(np.float32)
    (logits,) = session.run(["logits"], {"windows": windows})
    np.testing.assert_allclose(logits, saved.model()(windows), atol=1e-4)


def test_the_exported_ir_has_the_same_names_and_one_kernel_for_an_instance_norm(saved, tmp_path):
    export(saved, tmp_path, ("openvino",))
    graph = openvino_core().read_model(tmp_path / "unet3d.xml")
    assert [sorted(port.get_names()) for port in (*graph.inputs, *graph.outputs)] == [
        ["windows"],
        ["logits"],
    ]
    kinds = [node.get_type_name() for node in graph.get_ordered_ops()]
    assert kinds.count("MVN") > 0
    assert "ReduceMean" not in kinds


def test_an_export_that_disagrees_is_not_kept(saved, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_run_onnx", lambda file, sample: np.full((1, 16, 16, 16, 1), 9.0))
    with pytest.raises(NumericError, match="differs from the model"):
        export(saved, tmp_path, ("onnx",))
    assert list(tmp_path.iterdir()) == []


def test_a_missing_package_is_named(saved, tmp_path, monkeypatch):
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match="pip install tf2onnx onnxruntime"):
        export(saved, tmp_path, ("onnx",))
