"""A proxy is for downloads: 127.0.0.1 is never asked of it."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping

LOOPBACK = ("127.0.0.1", "localhost")
PROXIES = ("https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY")


def named(environment: Mapping[str, str]) -> str:
    """The first variable that names a proxy; empty when none does."""
    return next((name for name in PROXIES if environment.get(name)), "")


def exempt(environment: Mapping[str, str]) -> list[str]:
    """The hosts that no proxy is asked for."""
    listed = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    return [name.strip() for name in listed.split(",") if name.strip()]


def spares_loopback(environment: Mapping[str, str]) -> bool:
    """Whether 127.0.0.1 is among them."""
    return "*" in exempt(environment) or set(LOOPBACK) <= set(exempt(environment))


def spare_loopback(environment: MutableMapping[str, str]) -> None:
    """Sees to that, in both spellings, for a program and what it starts."""
    names = exempt(environment)
    if not spares_loopback(environment):
        names += [name for name in LOOPBACK if name not in names]
    environment["no_proxy"] = environment["NO_PROXY"] = ",".join(names)
