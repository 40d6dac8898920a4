"""The peers' side of bench/training_step.py; runs in an environment with torch and monai."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from common import answer, keep_freed_memory, numbers

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
        logits: list[torch.Tensor] = []
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


Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""Logits ``[N, outputs, D, H, W]`` and labels ``[N, D, H, W]`` → a scalar."""


def monai_loss() -> Loss:
    """The like of `own_loss` in MONAI."""
    from monai.losses import DiceCELoss

    loss = DiceCELoss(include_background=False, to_onehot_y=True, softmax=True, batch=True)

    def of_labels(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return loss(logits, target[:, None])

    return of_labels


def supervised_loss(
    logits: torch.Tensor | list[torch.Tensor], target: torch.Tensor, loss_of: Loss
) -> torch.Tensor:
    """The losses of all levels, each level counting half as much as the one above.

    Args:
        logits: a list, full resolution first, or MONAI's: all at full size, stacked.
    """
    if isinstance(logits, torch.Tensor):
        levels = [(level, target) for level in logits.unbind(1)]
    else:
        levels = [(level, target[:, :: 2**i, :: 2**i, :: 2**i]) for i, level in enumerate(logits)]
    weights = [0.5**i for i in range(len(levels))]
    return sum(
        weight / sum(weights) * loss_of(level.float(), truth)
        for weight, (level, truth) in zip(weights, levels, strict=True)
    )


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patch", type=numbers, required=True)
    parser.add_argument("--filters", type=numbers, required=True)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--network", choices=("pytorch", "monai"), required=True)
    parser.add_argument("--layout", choices=("contiguous", "channels_last_3d"), required=True)
    parser.add_argument("--compile", choices=("eager", "compiled"), default="eager")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), required=True)
    return parser.parse_args()


def main() -> None:
    args = read_arguments()
    keep_freed_memory()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    network = UNet(args.filters) if args.network == "pytorch" else dynunet(args.filters)
    image = torch.randn(args.batch, 1, *args.patch)
    target = torch.randint(0, OUTPUTS, (args.batch, *args.patch))
    if args.layout == "channels_last_3d":
        network = network.to(memory_format=torch.channels_last_3d)
        image = image.to(memory_format=torch.channels_last_3d)
    if args.compile == "compiled":
        network = torch.compile(network, dynamic=False)
    loss_of = own_loss if args.network == "pytorch" else monai_loss()
    optimizer = torch.optim.AdamW(network.parameters(), 1e-3, weight_decay=1e-4)

    def cast() -> AbstractContextManager[None]:
        half = args.precision == "bfloat16"
        return torch.autocast("cpu", torch.bfloat16) if half else nullcontext()

    def step() -> float:
        optimizer.zero_grad(set_to_none=True)
        with cast():
            logits = network(image)
        loss = supervised_loss(logits, target, loss_of)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 12.0)
        optimizer.step()
        return float(loss.item())

    answer(step)


if __name__ == "__main__":
    main()
