"""The peers' side of bench/training_step.py; runs in an environment with torch and monai."""

from __future__ import annotations

import argparse
import contextlib
import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from common import answer

OUTPUTS, SUPERVISED = 3, 3


class Block(nn.Sequential):
    """Convolution, instance norm, LeakyReLU."""

    def __init__(self, incoming: int, width: int) -> None:
        super().__init__(
            nn.Conv3d(incoming, width, 3, padding=1, bias=False),
            nn.InstanceNorm3d(width, affine=True),
            nn.LeakyReLU(0.01, inplace=True),
        )


class UNet(nn.Module):
    """The planned network of `unet`, layer by layer."""

    def __init__(self, filters: tuple[int, ...]) -> None:
        super().__init__()
        pairs = list(zip((1, *filters), filters, strict=False))
        self.encoder = nn.ModuleList(nn.Sequential(Block(i, w), Block(w, w)) for i, w in pairs)
        steps = list(zip(filters[1:], filters, strict=False))
        self.up = nn.ModuleList(nn.ConvTranspose3d(i, w, 2, 2, bias=False) for i, w in steps)
        self.decoder = nn.ModuleList(Block(2 * w, w) for _, w in steps)
        self.heads = nn.ModuleList(nn.Conv3d(w, OUTPUTS, 1) for w in filters[:SUPERVISED])

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Logits per supervised level, full resolution first."""
        skips = []
        for level, stage in enumerate(self.encoder):
            x = stage(F.max_pool3d(x, 2) if level else x)
            skips.append(x)
        logits = []
        for level in reversed(range(len(self.up))):
            x = self.decoder[level](torch.cat([self.up[level](x), skips[level]], 1))
            if level < len(self.heads):
                logits.insert(0, self.heads[level](x))
        return logits


def dynunet(filters: tuple[int, ...]) -> nn.Module:
    """MONAI's network of the same filters and levels."""
    from monai.networks.nets import DynUNet

    levels = len(filters)
    return DynUNet(
        spatial_dims=3,
        in_channels=1,
        out_channels=OUTPUTS,
        kernel_size=[3] * levels,
        strides=[1] + [2] * (levels - 1),
        upsample_kernel_size=[2] * (levels - 1),
        filters=list(filters),
        norm_name=("INSTANCE", {"affine": True}),
        deep_supervision=True,
        deep_supr_num=min(SUPERVISED - 1, levels - 2),
    )


def own_loss(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Batch Dice without the background plus cross-entropy."""
    soft = torch.softmax(logits, 1)[:, 1:]
    truth = F.one_hot(target, OUTPUTS).permute(0, 4, 1, 2, 3)[:, 1:].float()
    axes = (0, 2, 3, 4)
    both, total = (soft * truth).sum(axes), soft.sum(axes) + truth.sum(axes)
    return F.cross_entropy(logits, target) + 1 - ((2 * both + 1e-5) / (total + 1e-5)).mean()


def main() -> None:
    def numbers(text: str) -> tuple[int, ...]:
        return tuple(int(part) for part in text.split(","))

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patch", type=numbers, required=True)
    parser.add_argument("--filters", type=numbers, required=True)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--network", choices=("pytorch", "monai"), required=True)
    parser.add_argument("--layout", choices=("contiguous", "channels_last_3d"), required=True)
    parser.add_argument("--precision", choices=("float32", "bfloat16"), required=True)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    network = UNet(args.filters) if args.network == "pytorch" else dynunet(args.filters)
    image = torch.randn(args.batch, 1, *args.patch)
    target = torch.randint(0, OUTPUTS, (args.batch, *args.patch))
    if args.layout == "channels_last_3d":
        network = network.to(memory_format=torch.channels_last_3d)
        image = image.to(memory_format=torch.channels_last_3d)
    loss_of = own_loss
    if args.network == "monai":
        from monai.losses import DiceCELoss

        monai_loss = DiceCELoss(
            include_background=False, to_onehot_y=True, softmax=True, batch=True
        )
        loss_of = lambda logits, truth: monai_loss(logits, truth[:, None])  # noqa: E731
    optimizer = torch.optim.AdamW(network.parameters(), 1e-3, weight_decay=1e-4)
    cast = contextlib.nullcontext
    if args.precision == "bfloat16":
        cast = lambda: torch.autocast("cpu", torch.bfloat16)  # noqa: E731

    def step() -> float:
        optimizer.zero_grad(set_to_none=True)
        with cast():
            levels = network(image)
        if args.network == "monai":  # all levels at full size, stacked, as MONAI's users do
            levels = [(level, target) for level in levels.unbind(1)]
        else:
            levels = [
                (level, target[:, :: 2**i, :: 2**i, :: 2**i]) for i, level in enumerate(levels)
            ]
        weights = [0.5**i for i in range(len(levels))]
        loss = sum(
            weight / sum(weights) * loss_of(level.float(), truth)
            for weight, (level, truth) in zip(weights, levels, strict=True)
        )
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 12.0)
        optimizer.step()
        return loss.item()

    answer(step)


if __name__ == "__main__":
    main()
