"""Claims of one node: where there is one, every pod of the training must share a node."""

from __future__ import annotations

from unet_operator.api.access_modes import READABLE_BY_NODES, WRITABLE_BY_NODES
from unet_operator.api.resource import UNetTraining
from unet_operator.observe.objects import Observed


def one_node(training: UNetTraining, seen: Observed) -> bool:
    """Whether some claim can be mounted on one node only, so that every pod must share it."""
    template = training.spec.output.volume_claim_template
    if template is not None and template.access_mode not in WRITABLE_BY_NODES:
        return True
    mounted = (
        (training.spec.dataset.volume.claim_name, READABLE_BY_NODES),
        (training.output_claim, WRITABLE_BY_NODES),
    )
    there = [(seen.claims[name], modes) for name, modes in mounted if name in seen.claims]
    return any(claim.exists and not set(claim.modes) & modes for claim, modes in there)
