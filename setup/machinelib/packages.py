"""Adds the Debian packages that a task lacks: listed with their sizes, and only when agreed.

Agreed means `y` at a terminal, or UNET_INSTALL=yes.  Neither lets an installed package
change: where apt insists on another version of one, UNET_INSTALL=upgrade does.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping

from . import apt, needs
from .text import Problem, megabytes

VALUES = ("yes", "upgrade")


def require(task: str, environment: Mapping[str, str] = os.environ) -> None:
    """Returns once the machine has all packages of a task; does nothing when it has them.

    Raises:
        Problem: it lacks some, and they may or could not be added.
    """
    missing = needs.missing(task)
    if not missing:
        return
    names = sorted(missing)
    remedy = f"run:\n  {command(names)}"
    if shutil.which("apt-get") is None:
        raise Problem(f"this machine lacks {', '.join(names)}, and has no apt-get; install them")
    plan = _simulated(names)
    print(describe(missing, plan), flush=True)
    answer = environment.get("UNET_INSTALL", "")
    if answer not in ("", *VALUES):
        raise Problem(f"UNET_INSTALL={answer}: is neither yes nor upgrade")
    if os.geteuid() != 0:
        raise Problem(f"only root may add packages; have it {remedy}")
    if not answer and not _agreed():
        raise Problem(f"nothing is installed unasked; agree with UNET_INSTALL=yes, or {remedy}")
    shown = {package.name for package in (plan.changed if plan else ())}
    _install(names, may_change={"yes": set(), "upgrade": None}.get(answer, shown))


def _install(names: list[str], may_change: set[str] | None) -> None:
    """Renews apt's lists and adds packages; `may_change` may get another version, None: any."""
    try:
        apt.update()
        plan = apt.simulate(names)
        if plan.removed:
            raise Problem(f"apt would remove {', '.join(plan.removed)}; nothing was installed")
        changes = [p for p in plan.changed if may_change is not None and p.name not in may_change]
        if changes:
            named = ", ".join(f"{p.name} {p.replaces} to {p.version}" for p in changes)
            raise Problem(
                f"apt would also change what is installed ({named}); nothing was installed; agree "
                f"with UNET_INSTALL=upgrade, or run:\n  {command(names)}"
            )
        apt.install(names)
    except apt.AptError as error:
        raise Problem(f"{error}; check apt's sources and proxy, then run it again") from None


def _simulated(names: list[str]) -> apt.Plan | None:
    """What apt would do; None where its lists are too old or empty to say."""
    try:
        return apt.simulate(names)
    except apt.AptError:
        return None


def _agreed() -> bool:
    if not (sys.stdin.isatty() and sys.stdout.isatty()) or os.environ.get("CI"):
        return False
    return input("Install them now? [y/N] ").strip().lower() in ("y", "yes")


def command(names: list[str]) -> str:
    """The command that adds packages, as a person would type it."""
    return " ".join(["apt-get update &&", *apt.INSTALL, *names])


def describe(missing: Mapping[str, str], plan: apt.Plan | None) -> str:
    """The list that is shown before anything is asked: names, purposes, sizes, changes."""
    lines = [f"Debian packages that this machine lacks: {len(missing)}"]
    sizes = {package.name: package for package in (plan.added + plan.changed if plan else ())}
    for name, purpose in sorted(missing.items()):
        disk = megabytes(sizes[name].disk) if name in sizes else ""
        lines.append(f"  {name:<18} {disk:>8}  {purpose}")
    if plan is None:
        return "\n".join([*lines, "  (sizes are not known: apt's lists are empty or too old)"])
    others = [package for package in plan.added if package.name not in missing]
    if others:
        disk = megabytes(sum(package.disk for package in others))
        named = " ".join(package.name for package in others)
        lines.append(f"  {f'{len(others)} they need':<18} {disk:>8}  {named}")
    for package in plan.changed:
        lines.append(f"  changes {package.name} {package.replaces} to {package.version}")
    lines += [f"  removes {name}" for name in plan.removed]
    fetched = f"to fetch {megabytes(plan.download)}, on disk {megabytes(plan.disk)}"
    untouched = "" if plan.changed or plan.removed else "; nothing that is installed changes"
    return "\n".join([*lines, f"  {fetched}{untouched}"])
