"""What the API server answers when it does not do what was asked."""

from __future__ import annotations


class Refusal(Exception):
    """A request that is not carried out: an HTTP code, a reason for programs, words for people."""

    def __init__(self, code: int, reason: str, message: str) -> None:
        self.code, self.reason, self.message = code, reason, message
        super().__init__(f"{code} {reason}: {message}")


def not_found(plural: str, name: str) -> Refusal:
    """There is no such object."""
    return Refusal(404, "NotFound", f'{plural} "{name}" not found')


def already_exists(plural: str, name: str) -> Refusal:
    """Another object has the name."""
    return Refusal(409, "AlreadyExists", f'{plural} "{name}" already exists')


def conflict(plural: str, name: str) -> Refusal:
    """The object is not, or no longer, what the request took it for."""
    return Refusal(409, "Conflict", f'{plural} "{name}": the object has been modified')


def invalid(plural: str, name: str, field: str, why: str) -> Refusal:
    """The object would not be valid."""
    return Refusal(422, "Invalid", f'{plural} "{name}" is invalid: {field}: {why}')
