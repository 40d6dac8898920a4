"""What one rank knows, told to all: models travel as JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from pydantic import BaseModel

from unet.parallel.comm import Comm, Json

M = TypeVar("M", bound=BaseModel)


def from_rank_zero(comm: Comm, kind: type[M], find: Callable[[], M | None]) -> M | None:
    """What rank 0 finds, on every rank; collective.

    Args:
        kind: the class of what is found.
        find: called on rank 0 alone.
    """
    model = find() if comm.rank == 0 else None
    text = comm.gather_objects(None if model is None else model.model_dump_json())[0]
    return None if text is None else kind.model_validate_json(_text(text))


def gather_models(comm: Comm, model: M) -> list[M]:
    """Every rank's model, in rank order, on every rank; collective."""
    texts = comm.gather_objects(model.model_dump_json())
    return [type(model).model_validate_json(_text(text)) for text in texts]


def gather_names(comm: Comm, names: set[str]) -> list[str]:
    """The names that any rank has, sorted, on every rank; collective."""
    shares = comm.gather_objects([*sorted(names)])
    return sorted({_text(name) for share in shares if isinstance(share, list) for name in share})


def _text(item: Json) -> str:
    assert isinstance(item, str), f"a rank sent {item!r}"
    return item
