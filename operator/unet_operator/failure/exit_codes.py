"""What the image's exit codes mean for a training (docs/contract.md), and the remedies."""

from __future__ import annotations

from unet_operator.observe.objects import Exit, Pod
from unet_operator.observe.progress import Code

_FINAL = {
    Code.USAGE: ("UsageError", "correct spec.training, spec.mpi or the data set's fields"),
    Code.DATA: ("BadData", "repair the data set"),
    Code.NAN: ("NotANumber", "lower training.learningRate or use precision float32"),
    Code.DISK: ("DiskFull", "free space on the output claim or enlarge it"),
}


OUR_CONTAINERS = ("rendezvous", "launch", "worker", "stage", "evaluate", "report")
"""Names of the containers that the operator makes; others were put into its pods."""


def final_reason(code: int) -> str | None:
    """The reason of a code that trying again cannot mend; None for every other code."""
    return _FINAL[Code(code)][0] if code in _FINAL else None


def remedy(code: int) -> str:
    """What to do about a final code when its command does not say.

    Raises:
        KeyError: the code is not final.
    """
    return _FINAL[Code(code)][1]


def failed_container(pod: Pod | None) -> tuple[str, Exit] | None:
    """(name, how it ended) of the pod's first container that ended badly, ours before others'."""
    if pod is None:
        return None
    ended = [(name, end) for name, end in pod.exits.items() if end.code != 0]
    return min(ended, key=lambda pair: pair[0] not in OUR_CONTAINERS, default=None)
