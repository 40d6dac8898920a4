"""What the API server cannot check: an image, and claims that exist and can be shared."""

from __future__ import annotations

from dataclasses import dataclass

from unet_operator.api import names
from unet_operator.api.resource import UNetTraining
from unet_operator.observe.objects import Claim, Observed

READ = {"ReadWriteMany", "ReadOnlyMany"}
WRITTEN = {"ReadWriteMany"}
"""Access modes that let several nodes read, or write, a claim."""


@dataclass(frozen=True)
class Refusal:
    """Why a training cannot start yet: a reason for programs, a line for people."""

    reason: str
    message: str


def refusal(training: UNetTraining, seen: Observed, *, has_image: bool) -> Refusal | None:
    """The first thing that keeps the training from starting, if any."""
    if not has_image:
        return Refusal(
            "NoImage",
            "spec.image: empty, and the operator was installed without a training image; set "
            "spec.image or the chart's training.image",
        )
    spec = training.spec
    data = seen.claims.get(spec.dataset.volume.claim_name)
    return _claim(
        "spec.dataset.volume.claimName",
        data,
        workers=spec.workers.replicas,
        shared=READ,
        written=spec.dataset.source is not None,
    ) or _output(training, seen)


def _output(training: UNetTraining, seen: Observed) -> Refusal | None:
    spec = training.spec
    workers = spec.workers.replicas
    template = spec.output.volume_claim_template
    if template is None:
        found = seen.claims.get(spec.output.claim_name or "")
        return _claim("spec.output.claimName", found, workers=workers, shared=WRITTEN)
    if template.access_mode != "ReadWriteMany" and workers > 1:
        return Refusal(
            "ClaimNotShareable",
            f"spec.output.volumeClaimTemplate.accessMode: {template.access_mode} serves one "
            f"node, but workers.replicas is {workers}; use ReadWriteMany, or one worker",
        )
    found = seen.claims.get(names.output_claim(training.name))
    if found is None or not found.exists:
        return None
    if found.training != training.name:
        return Refusal(
            "NameTaken",
            f"spec.output.volumeClaimTemplate: PersistentVolumeClaim {found.name} exists and was "
            "not made for this training; name it in spec.output.claimName, or delete it",
        )
    return _claim("spec.output.volumeClaimTemplate", found, workers=workers, shared=WRITTEN)


def _claim(
    field: str, claim: Claim | None, *, workers: int, shared: set[str], written: bool = True
) -> Refusal | None:
    if claim is None or not claim.exists:
        name = claim.name if claim else "?"
        return Refusal(
            "ClaimNotFound",
            f"{field}: there is no PersistentVolumeClaim {name} in this namespace; create it "
            "or correct the name",
        )
    if claim.deleting:
        return Refusal(
            "ClaimNotFound",
            f"{field}: PersistentVolumeClaim {claim.name} is being deleted; create it anew",
        )
    if claim.phase == "Lost":
        return Refusal(
            "ClaimLost",
            f"{field}: PersistentVolumeClaim {claim.name} has lost its volume; restore it",
        )
    modes = set(claim.modes)
    if written and modes == {"ReadOnlyMany"}:
        return Refusal(
            "ClaimReadOnly",
            f"{field}: PersistentVolumeClaim {claim.name} is ReadOnlyMany but is written to; "
            "use a ReadWriteMany claim",
        )
    if modes == {"ReadWriteOncePod"}:
        return Refusal(
            "ClaimNotShareable",
            f"{field}: PersistentVolumeClaim {claim.name} is ReadWriteOncePod, which serves one "
            "pod, but launcher and workers share it; use a ReadWriteMany claim, or ReadWriteOnce "
            "with one worker",
        )
    if workers > 1 and not modes & shared:
        return Refusal(
            "ClaimNotShareable",
            f"{field}: PersistentVolumeClaim {claim.name} is {', '.join(sorted(modes))}, which "
            f"serves one node, but workers.replicas is {workers}; use a ReadWriteMany claim "
            "(on TKE: CFS, not CBS), or one worker",
        )
    return None


def one_node(training: UNetTraining, seen: Observed) -> bool:
    """Whether some claim can be mounted on one node only, so that every pod must share it."""
    template = training.spec.output.volume_claim_template
    if template is not None and template.access_mode not in WRITTEN:
        return True
    wanted = ((training.spec.dataset.volume.claim_name, READ), (training.output_claim, WRITTEN))
    found = [(seen.claims[name], shared) for name, shared in wanted if name in seen.claims]
    return any(c.exists and not set(c.modes) & shared for c, shared in found)
