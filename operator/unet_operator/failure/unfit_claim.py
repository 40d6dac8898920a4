"""Claims that will not do: they must exist, live, and be shared by as many nodes as need them."""

from __future__ import annotations

from unet_operator.api.access_modes import READABLE_BY_NODES, WRITABLE_BY_NODES
from unet_operator.api.resource import UNetTraining
from unet_operator.failure.obstacle import Obstacle
from unet_operator.observe.objects import Claim, Observed


def unfit_claim(training: UNetTraining, seen: Observed) -> Obstacle | None:
    """The first claim that is not there or cannot be shared as it must be, if any."""
    spec = training.spec
    return _claim(
        "spec.dataset.volume.claimName",
        seen.claims.get(spec.dataset.volume.claim_name),
        workers=spec.workers.replicas,
        shared=READABLE_BY_NODES,
        written=spec.dataset.source is not None,
    ) or _output(training, seen)


def _output(training: UNetTraining, seen: Observed) -> Obstacle | None:
    spec = training.spec
    workers = spec.workers.replicas
    template = spec.output.volume_claim_template
    if template is None:
        claim = seen.claims.get(spec.output.claim_name or "")
        return _claim("spec.output.claimName", claim, workers=workers, shared=WRITABLE_BY_NODES)
    if template.access_mode != "ReadWriteMany" and workers > 1:
        return Obstacle(
            "ClaimNotShareable",
            f"spec.output.volumeClaimTemplate.accessMode: {template.access_mode} serves one "
            f"node, but workers.replicas is {workers}; use ReadWriteMany, or one worker",
        )
    claim = seen.claims.get(training.output_claim)
    if claim is None or not claim.exists:
        return None
    if claim.training != training.name:
        return Obstacle(
            "NameTaken",
            f"spec.output.volumeClaimTemplate: PersistentVolumeClaim {claim.name} exists and was "
            "not made for this training; name it in spec.output.claimName, or delete it",
        )
    return _claim(
        "spec.output.volumeClaimTemplate", claim, workers=workers, shared=WRITABLE_BY_NODES
    )


def _claim(
    field: str, claim: Claim | None, *, workers: int, shared: frozenset[str], written: bool = True
) -> Obstacle | None:
    if claim is None or not claim.exists:
        name = claim.name if claim else "?"
        return Obstacle(
            "ClaimNotFound",
            f"{field}: there is no PersistentVolumeClaim {name} in this namespace; create it "
            "or correct the name",
        )
    if claim.deleting:
        return Obstacle(
            "ClaimNotFound",
            f"{field}: PersistentVolumeClaim {claim.name} is being deleted; create it anew",
        )
    if claim.phase == "Lost":
        return Obstacle(
            "ClaimLost",
            f"{field}: PersistentVolumeClaim {claim.name} has lost its volume; restore it",
        )
    modes = set(claim.modes)
    if written and modes == {"ReadOnlyMany"}:
        return Obstacle(
            "ClaimReadOnly",
            f"{field}: PersistentVolumeClaim {claim.name} is ReadOnlyMany but is written to; "
            "use a ReadWriteMany claim",
        )
    if modes == {"ReadWriteOncePod"}:
        return Obstacle(
            "ClaimNotShareable",
            f"{field}: PersistentVolumeClaim {claim.name} is ReadWriteOncePod, which serves one "
            "pod, but launcher and workers share it; use a ReadWriteMany claim, or ReadWriteOnce "
            "with one worker",
        )
    if workers > 1 and not modes & shared:
        return Obstacle(
            "ClaimNotShareable",
            f"{field}: PersistentVolumeClaim {claim.name} is {', '.join(sorted(modes))}, which "
            f"serves one node, but workers.replicas is {workers}; use a ReadWriteMany claim "
            "(on TKE: CFS, not CBS), or one worker",
        )
    return None
