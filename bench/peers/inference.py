"""The peer's side of bench/inference.py: PyTorch and MONAI's sliding_window_inference.

Builds the same network from the same specification and weights, and at its first volume
takes the fastest of its settings. Needs torch, monai and numpy, nothing of the project.
"""

from __future__ import annotations

import itertools
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.inferers import sliding_window_inference
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from common import keep_freed_memory

Setting = tuple[bool, int, bool, bool]
"""Channels last, windows at once, bfloat16, torch.compile."""


class Unet(nn.Module):
    """The network of spec.json, [N, C, D, H, W] → [N, outputs, D, H, W]."""

    def __init__(self, spec: dict[str, Any], weights: dict[str, np.ndarray]) -> None:
        super().__init__()
        self.spec, filters = spec, spec["filters"]
        self.weights = weights
        widths = [spec["channels"], *filters]
        self.encode = nn.ModuleList(
            self.block(
                f"encode{level}", widths[level], filters[level], spec["encoder_convolutions"]
            )
            for level in range(len(filters))
        )
        self.up, self.decode = nn.ModuleList(), nn.ModuleList()
        for level, stride in enumerate(spec["strides"]):
            width = filters[level]
            if spec["upsampling"]:
                self.up.append(nn.Upsample(scale_factor=tuple(stride)))
                below = filters[level + 1]
            else:
                up = nn.ConvTranspose3d(
                    filters[level + 1], width, stride, stride, bias=f"up{level}/1" in weights
                )
                self.fill(up, f"up{level}", (4, 3, 0, 1, 2))
                self.up.append(up)
                below = width
            self.decode.append(
                self.block(f"decode{level}", below + width, width, spec["decoder_convolutions"])
            )
        self.down = nn.ModuleList(nn.MaxPool3d(stride, stride) for stride in spec["strides"])
        self.head = nn.Conv3d(filters[0], spec["outputs"], 1)
        self.fill(self.head, "PredictionMask", (4, 3, 0, 1, 2))

    def block(self, name: str, width: int, filters: int, count: int) -> nn.Sequential:
        layers: list[nn.Module] = []
        for index in range(count):
            conv = nn.Conv3d(width if index == 0 else filters, filters, 3, padding=1, bias=False)
            self.fill(conv, f"{name}_{index}_conv", (4, 3, 0, 1, 2))
            layers += [conv, self.norm(f"{name}_{index}_norm", filters)]
            course = self.spec["kind"] == "course"
            layers.append(nn.ReLU(inplace=True) if course else nn.LeakyReLU(0.01, inplace=True))
        return nn.Sequential(*layers)

    def norm(self, name: str, filters: int) -> nn.Module:
        values = [torch.from_numpy(self.weights[f"{name}/{i}"]) for i in range(2)]
        if self.spec["normalisation"] == "instance":
            layer: nn.Module = nn.InstanceNorm3d(filters, eps=1e-5, affine=True)
        else:
            layer = nn.BatchNorm3d(filters, eps=1e-3)
            layer.running_mean = torch.from_numpy(self.weights[f"{name}/2"])
            layer.running_var = torch.from_numpy(self.weights[f"{name}/3"])
        layer.weight.data, layer.bias.data = values
        return layer

    def fill(self, layer: nn.Module, name: str, order: tuple[int, ...]) -> None:
        kernel = np.ascontiguousarray(self.weights[f"{name}/0"].transpose(order))
        layer.weight.data = torch.from_numpy(kernel)
        if layer.bias is not None:
            layer.bias.data = torch.from_numpy(self.weights[f"{name}/1"])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        skips = []
        for level, encode in enumerate(self.encode):
            if level:
                skips.append(x)
                x = self.down[level - 1](x)
            x = encode(x)
        for level in reversed(range(len(skips))):
            x = self.decode[level](torch.cat([self.up[level](x), skips[level]], 1))
        return self.head(x)


class Peer:
    def __init__(self, folder: Path, overlap: float) -> None:
        spec = json.loads((folder / "spec.json").read_text())
        with np.load(folder / "weights.npz") as stored:
            self.model = Unet(spec, {key: stored[key] for key in stored.files}).eval()
        self.patch, self.overlap = tuple(spec["patch"]), overlap
        self.compiled = torch.compile(self.model, dynamic=False)
        # As our engines: a model trained in float32 is computed in float32.
        self.bfloat16 = bool(spec["bfloat16"])
        self.setting: Setting | None = None

    def run(self, image: np.ndarray, setting: Setting) -> np.ndarray:
        last, batch, bfloat16, compiled = setting
        layout = torch.channels_last_3d if last else torch.contiguous_format
        self.model.to(memory_format=layout)
        model = self.compiled if compiled else self.model
        volume = torch.from_numpy(image.astype(np.float32)).permute(3, 0, 1, 2)[None]

        def predict(windows: torch.Tensor) -> torch.Tensor:
            return model(windows.contiguous(memory_format=layout)).float()

        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            logits = sliding_window_inference(
                volume,
                self.patch,
                batch,
                predict,
                overlap=self.overlap,
                mode="gaussian",
                sigma_scale=0.125,
            )
        return logits[0].permute(1, 2, 3, 0).contiguous().numpy()

    def choose(self, image: np.ndarray) -> Setting:
        """The fastest setting on a few windows, each tried twice; what cannot compile is left."""
        spent: dict[Setting, float] = {}
        d, h, w = self.patch
        image = image[: 2 * d, :h, :w]
        formats, both = ((False, True) if self.bfloat16 else (False,)), (False, True)
        for setting in itertools.product(both, (1, 4), formats, both):
            try:
                self.run(image, setting)
            except torch._dynamo.exc.TorchDynamoException as problem:
                print(f"{setting}: {problem}", file=sys.stderr)
                continue
            start = time.process_time()
            self.run(image, setting)
            spent[setting] = time.process_time() - start
        return min(spent, key=lambda setting: spent[setting])


def main() -> None:
    folder, overlap, threads = Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
    keep_freed_memory()
    torch.set_num_threads(threads)
    peer = Peer(folder, overlap)
    for line in sys.stdin:
        request = json.loads(line)
        image = np.load(request["image"])
        if peer.setting is None:
            peer.setting = peer.choose(image)
        cpu, wall = time.process_time(), time.perf_counter()
        logits = peer.run(image, peer.setting)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        np.save(request["logits"], logits)
        names = ("channels_last", "windows_at_once", "bfloat16", "compiled")
        notes = dict(zip(names, peer.setting, strict=True))
        answer = {"cpu": cpu, "wall": wall, **notes, "torch": torch.__version__}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
