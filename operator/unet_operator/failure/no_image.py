"""No image: neither the training nor the operator's installation names one."""

from __future__ import annotations

from unet_operator.failure.obstacle import Obstacle


def no_image() -> Obstacle:
    """What a training waits for that has no image to run."""
    return Obstacle(
        "NoImage",
        "spec.image: empty, and the operator was installed without a training image; set "
        "spec.image or the chart's training.image",
    )
