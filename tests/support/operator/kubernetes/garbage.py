"""The garbage collector: what is owned goes after its owner, in the background."""

from __future__ import annotations

from support.operator.kubernetes.objects import Object, going, key_of
from support.operator.kubernetes.store import Store


def collect(store: Store) -> None:
    """Deletes, once, every object none of whose owners is left."""
    alive = {body["metadata"]["uid"] for body in store.objects.values()}
    for (plural, _, _), body in list(store.objects.items()):
        if _orphaned(body, alive) and not going(body):
            store.delete(*key_of(plural, body), uid=body["metadata"]["uid"])


def _orphaned(body: Object, alive: set[str]) -> bool:
    owners = body["metadata"].get("ownerReferences", ())
    return bool(owners) and not any(owner["uid"] in alive for owner in owners)
