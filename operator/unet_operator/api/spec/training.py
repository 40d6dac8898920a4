"""spec.training: how to train."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, WithJsonSchema

from unet_operator.api.schema import Model, Text, rules

BatchSize = Annotated[
    int | Literal["auto"],
    WithJsonSchema(
        {
            "anyOf": [{"type": "integer"}, {"type": "string"}],
            "x-kubernetes-int-or-string": True,
            **rules(
                (
                    "type(self) == int ? self >= 1 && self <= 64 : self == 'auto'",
                    "must be auto or a number of patches from 1 to 64",
                )
            ),
        }
    ),
]


class TrainingSettings(Model):
    """How to train."""

    epochs: Annotated[int, Field(ge=1, le=100_000)] = Field(
        default=40,
        description="How often the network sees the training cases; not looked at with a "
        "timeBudget.",
    )
    time_budget: Annotated[str, Field(max_length=32, pattern=r"^([1-9][0-9]*[hms])+$")] | None = (
        Field(
            default=None,
            description="Time for planning and training, such as 90m or 1h30m; all attempts "
            "share it. Grid, patch and epochs are planned to make the most of it.",
        )
    )
    batch_size: BatchSize = Field(
        default="auto",
        description="Patches per rank and step; auto fits the workers' memory.",
        json_schema_extra={"unit": "patches"},
    )
    patch_size: Annotated[
        str, Field(max_length=32, pattern=r"^(auto|[1-9][0-9]*,[1-9][0-9]*,[1-9][0-9]*)$")
    ] = Field(
        default="auto",
        description="Size of a training patch along the three array axes, such as "
        "128,128,128; auto fits the data and the workers' memory.",
        json_schema_extra={"unit": "voxels"},
    )
    learning_rate: Annotated[float, Field(gt=0, le=10)] | None = Field(
        default=None,
        description="Base learning rate, scaled by the global batch; empty lets the plan choose.",
    )
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        default="auto",
        description="Number format of the computation; auto takes bfloat16 where the "
        "processor has it.",
    )
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = Field(
        default=816,
        description="Seed of sampling and initial weights; the split has one of its own, "
        "--split-seed among extraArgs.",
    )
    validation_fraction: Annotated[float, Field(gt=0, lt=1)] = Field(
        default=0.15, description="Part of the cases kept out of training, from 0 to 1."
    )
    extra_args: Annotated[list[Text], Field(max_length=64)] = Field(
        default=[],
        description="Further arguments of `unet train`, one per element. No shell reads them.",
        json_schema_extra=rules(
            (
                "self.all(a, !a.matches('^--(data_path|data-path|output|attempt|resume)(=.*)?$'))",
                "--data_path, --output, --attempt and --resume belong to the operator",
            )
        ),
    )
