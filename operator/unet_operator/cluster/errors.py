"""What can go wrong between the operator and the API server."""

from __future__ import annotations

import json


class ApiError(Exception):
    """The API server refused or did not answer.

    `status` is the HTTP code, 0 when there was no answer.
    """

    def __init__(self, status: int, reason: str, message: str) -> None:
        self.status, self.reason, self.message = status, reason, message
        super().__init__(f"{status} {reason}: {message}")


class NoClusterError(Exception):
    """Neither a pod's service account nor a KUBECONFIG says where the API server is."""


def no_answer(error: Exception) -> ApiError:
    """The error of a request that had no answer, or only a part of one."""
    return ApiError(0, "NoAnswer", str(error) or type(error).__name__)


def garbled(answer: bytes, expected: str) -> ApiError:
    """The error of an answer that is not what was asked for."""
    start = answer[:80].decode(errors="replace")
    return ApiError(0, "Garbled", f"the answer is no {expected}: {start!r}")


def refused(status: int, answer: bytes) -> ApiError:
    """The error of a refusal: in Kubernetes' words, or in those of a proxy before it."""
    try:
        said = json.loads(answer)
        return ApiError(status, said.get("reason", ""), said.get("message", ""))
    except (ValueError, AttributeError):
        return ApiError(status, "", answer.decode(errors="replace")[:500])
