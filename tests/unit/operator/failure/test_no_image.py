"""Without any image the message says where to set one."""

from __future__ import annotations

from unet_operator.failure.no_image import no_image


def test_spec_and_chart_are_named():
    obstacle = no_image()
    assert obstacle.reason == "NoImage"
    assert "spec.image" in obstacle.message
    assert "training.image" in obstacle.message
