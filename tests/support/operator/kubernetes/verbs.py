"""What a request does to the objects, however it came in."""

from __future__ import annotations

from collections.abc import Mapping

from support.operator.kubernetes.objects import Object
from support.operator.kubernetes.refusal import Refusal
from support.operator.kubernetes.requests import Address
from support.operator.kubernetes.selectors import selects
from support.operator.kubernetes.store import Store

PAGE = 500
"""Most objects in one answer, whatever the client asks for."""
APPLY = "application/apply-patch+yaml"


def do(
    store: Store,
    method: str,
    address: Address,
    body: Object,
    content: str = "application/json",
) -> Object:
    """Does what a request about one object asks, and returns what it is answered with.

    Raises:
        Refusal: it is not done.
    """
    plural, namespace, name = address.key
    match method:
        case "GET":
            return store.get(plural, namespace, name)
        case "POST":
            return store.create(plural, namespace, body)
        case "PUT":
            return store.replace(plural, namespace, name, body)
        case "PATCH" if content == APPLY:
            return store.apply(plural, namespace, name, body)
        case "PATCH":
            return store.patch(plural, namespace, name, body, status=address.sub == "status")
        case "DELETE":
            store.delete(
                plural,
                namespace,
                name,
                uid=body.get("preconditions", {}).get("uid"),
                grace=body.get("gracePeriodSeconds"),
            )
            return {"kind": "Status", "status": "Success"}
    raise Refusal(405, "MethodNotAllowed", f"{method} is not known here")


def page(store: Store, address: Address, query: Mapping[str, str], most: int = PAGE) -> Object:
    """One page of a collection; further pages are of the same moment as the first."""
    version, _, start = query.get("continue", "").partition(":")
    then = int(version) if version else store.version
    objects = store.as_of(then) if version else store.objects
    found = [
        body
        for (plural, place, _), body in sorted(objects.items(), key=lambda entry: entry[0])
        if plural == address.plural
        and address.namespace in ("", place)
        and selects(body, query.get("labelSelector", ""), query.get("fieldSelector", ""))
    ]
    first, size = int(start or 0), min(most, int(query.get("limit", most)))
    meta = {"resourceVersion": str(then)}
    if first + size < len(found):
        meta["continue"] = f"{then}:{first + size}"
    return {"metadata": meta, "items": found[first : first + size]}
