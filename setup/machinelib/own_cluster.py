"""Which cluster is used: the throwaway one, unless CLUSTER names the one of a kubeconfig.

A KUBECONFIG that happens to be exported is no consent: demo and tests install an operator, and
tests take it away again.  CLUSTER must spell the current context's name or its server's URL;
from then on that context is meant, whichever becomes current meanwhile.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .text import Problem

CHECKOUT = Path(__file__).resolve().parents[2]
HOW = "CLUSTER=NAME uses it, where NAME is its context or its server's URL"


@dataclass(frozen=True)
class Named:
    """A context of the user's kubeconfig."""

    context: str
    server: str


def is_throwaway(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether no cluster is named, and KUBECONFIG is unset or of this checkout's own clusters."""
    if environment.get("CLUSTER"):
        return False
    paths = [Path(p).resolve() for p in environment.get("KUBECONFIG", "").split(os.pathsep) if p]
    return all((CHECKOUT / ".cluster") in path.parents for path in paths)


def chosen(environment: Mapping[str, str] = os.environ) -> Named:
    """The cluster that CLUSTER names.

    Raises:
        Problem: it is another than the kubeconfig's current one, or there is none.
    """
    name = environment["CLUSTER"]
    path = environment.get("PATH")
    program = shutil.which("kubectl", path=path)
    if program is None:
        raise Problem(f"CLUSTER={name}: kubectl is not on the PATH; install it, or unset CLUSTER")
    words = [program, "config", "view", "--minify", "-o", "json"]
    done = subprocess.run(words, env=dict(environment), capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["failed"])[-1]
        raise Problem(f"CLUSTER={name}: no current context in your kubeconfig ({said})")
    config = json.loads(done.stdout)
    server = config["clusters"][0]["cluster"].get("server", "")
    current = Named(config["current-context"], server)
    if name not in (current.context, current.server):
        raise Problem(
            f"CLUSTER={name}: your kubeconfig's current context is {current.context} at "
            f"{current.server}; CLUSTER={current.context} uses that, "
            "`kubectl config use-context` chooses another"
        )
    return current


def pin(folder: Path, environment: Mapping[str, str] = os.environ) -> Path:
    """Writes a kubeconfig of the cluster that CLUSTER names, for its owner's eyes only.

    Raises:
        Problem: as `chosen`.
    """
    chosen(environment)
    program = shutil.which("kubectl", path=environment.get("PATH"))
    words = [program or "kubectl", "config", "view", "--minify", "--flatten", "--raw"]
    text = subprocess.run(words, env=dict(environment), check=True, capture_output=True).stdout
    path = folder / "kubeconfig"
    path.touch(mode=0o600)
    path.write_bytes(text)
    return path
