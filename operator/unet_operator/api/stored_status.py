"""The status as it is stored, which others may have written, too.

What cannot be read of it is left out, never the whole: a training that has succeeded must not
begin again because of one field.  What others wrote (a condition or field that this release
does not know) stays when ours is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import get_args

from pydantic import ValidationError

from unet_operator.api.json_object import JsonObject
from unet_operator.api.migration import migrated
from unet_operator.api.status import Condition, ConditionType, Status

OURS = frozenset(get_args(ConditionType))
FIELDS = frozenset(field.alias or name for name, field in Status.model_fields.items())
ENDS: Mapping[object, ConditionType] = {"Succeeded": "Complete", "Failed": "Failed"}
"""The condition that each final phase comes from."""


def read_status(raw: object) -> Status:
    """As much of a stored status as can be read."""
    if not isinstance(raw, dict):
        return Status()
    known = {key: value for key, value in raw.items() if key in FIELDS and value is not None}
    known["conditions"] = [c for c in _conditions(raw) if _readable(c)]
    status = _without_faults(known)
    kind = ENDS.get(status.phase)
    if kind is not None and not (status.holds("Complete") or status.holds("Failed")):
        status = status.model_copy(update={"conditions": [*status.conditions, _end(kind, status)]})
    return migrated(status)


def with_others(raw: JsonObject, new: JsonObject) -> JsonObject:
    """The new status with what others have in the stored one."""
    foreign = {key: value for key, value in raw.items() if key not in FIELDS}
    theirs = [condition for condition in _conditions(raw) if condition.get("type") not in OURS]
    ours = new.get("conditions", [])
    assert isinstance(ours, list), "as the model writes it"
    conditions = {"conditions": [*ours, *theirs]} if theirs else {}
    return {**foreign, **new, **conditions}


def _conditions(raw: JsonObject) -> list[JsonObject]:
    found = raw.get("conditions")
    return [c for c in found if isinstance(c, dict)] if isinstance(found, list) else []


def _readable(condition: JsonObject) -> bool:
    try:
        Condition.model_validate(condition)
    except ValidationError:
        return False
    return True


def _without_faults(known: dict[str, object]) -> Status:
    """The status less the fields that hold something else than they should."""
    try:
        return Status.model_validate(known)
    except ValidationError as error:
        wrong = {fault["loc"][0] for fault in error.errors()}
        return Status.model_validate({k: v for k, v in known.items() if k not in wrong})


def _end(kind: ConditionType, status: Status) -> Condition:
    """The condition that a final phase tells of, where it cannot be read itself."""
    return Condition(
        type=kind,
        status="True",
        observed_generation=status.observed_generation,
        last_transition_time=status.completion_time or datetime.fromtimestamp(0, UTC),
        reason="StatusRepaired",
        message=status.message or "the phase tells that it ended; its condition was unreadable",
    )
