"""A UNetTraining as read from the API server: metadata, spec and status, parsed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import ValidationError

from unet_operator.api import names
from unet_operator.api.metadata import Metadata
from unet_operator.api.spec import Spec
from unet_operator.api.status import Status
from unet_operator.api.stored_status import read_status


class InvalidSpec(Exception):
    """The spec passed the API server but does not fit this operator's models.

    The message names each field by its path, what is wrong and what to do.
    """


@dataclass(frozen=True)
class UNetTraining:
    """The parsed resource."""

    meta: Metadata
    spec: Spec
    status: Status

    @property
    def name(self) -> str:
        """metadata.name."""
        return self.meta.name

    @property
    def output_claim(self) -> str:
        """Name of the claim that takes the output: the user's, or the one to create."""
        return self.spec.output.claim_name or names.output_claim(self.name)


def metadata(body: Mapping[str, object]) -> Metadata:
    """The part of the metadata that the operator reads."""
    return Metadata.model_validate(body["metadata"])


def status(body: Mapping[str, object]) -> Status:
    """As much of the status as can be read; an empty one if there is none."""
    return read_status(body.get("status"))


def parse(body: Mapping[str, object]) -> UNetTraining:
    """Parses the resource.

    Raises:
        InvalidSpec: a field is unknown or out of bounds, which the CRD of this version would
            have refused: an older or newer CRD is installed.
    """
    try:
        spec = Spec.model_validate(body.get("spec") or {})
    except ValidationError as error:
        faults = "; ".join(
            f"spec.{'.'.join(map(str, fault['loc']))}: {fault['msg']}"
            for fault in error.errors()[:5]
        )
        raise InvalidSpec(
            f"{faults}; correct the field, or install the CRD of this operator's version"
        ) from error
    return UNetTraining(meta=metadata(body), spec=spec, status=status(body))
