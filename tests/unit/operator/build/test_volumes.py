"""Volumes of the pods."""

from __future__ import annotations

from unet_operator.build import volumes


def test_shared_memory_grows_with_the_ranks():
    sizes = [volumes.shared_memory(n).volume["emptyDir"]["sizeLimit"] for n in (1, 8, 64)]
    assert sizes == ["256Mi", "256Mi", "2048Mi"]
