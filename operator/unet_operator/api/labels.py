"""Labels of everything a training owns, and the selectors that find it again."""

from __future__ import annotations

MANAGED_BY = "unet-operator"
LABEL_MANAGED = "app.kubernetes.io/managed-by"
LABEL_NAME = "unet.dev/training"
LABEL_UID = "unet.dev/training-uid"
LABEL_ROLE = "unet.dev/role"
LABEL_ATTEMPT = "unet.dev/attempt"
SELECTOR = f"{LABEL_MANAGED}={MANAGED_BY}"
"""Selects the objects of every training: what the operator watches."""


def selector_of(name: str, uid: str) -> dict[str, str]:
    """Labels that all pods of a training share, and none of a deleted namesake's."""
    return {LABEL_MANAGED: MANAGED_BY, LABEL_NAME: name, LABEL_UID: uid}


def labels_of(name: str, uid: str, role: str, attempt: int | None = None) -> dict[str, str]:
    """Labels of an object; `attempt` also carries the round of an evaluation."""
    of_role = {**selector_of(name, uid), LABEL_ROLE: role}
    return of_role if attempt is None else {**of_role, LABEL_ATTEMPT: str(attempt)}
