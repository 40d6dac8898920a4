"""One list of what a task needs of this machine, asked in a few seconds, each with its remedy."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from kubelib import host, lifecycle
from kubelib.report import KubeError
from kubelib.settings import Cluster

from . import needs, own_cluster, places, proxy
from .text import Problem, megabytes

NODES = 3
MEMORY = 8 << 30
"""Bytes with which the demo and the tests have been run; less may do."""
MARKS = {"ok": "✓", "note": "!", "missing": "✗"}
PLAIN = {"ok": "ok", "note": "note", "missing": "NO"}
COLOURS = {"ok": "32", "note": "33", "missing": "31;1"}


@dataclass(frozen=True)
class Line:
    """One thing that was asked.

    Args:
        state: `ok`; `note`: it goes on, but a person should know; `missing`: it cannot go on.
        what: what was asked.
        found: what there is.
        remedy: what to do about it.
    """

    state: str
    what: str
    found: str
    remedy: str = ""


def preflight(task: str, cluster: Cluster, environment: Mapping[str, str] = os.environ) -> bool:
    """Prints the list for a task; whether nothing is missing."""
    lines = list(ask(task, cluster, environment))
    print(f"What `make {task}` needs of this machine:")
    for line in lines:
        print(render(line), flush=True)
    return all(line.state != "missing" for line in lines)


def ask(task: str, cluster: Cluster, environment: Mapping[str, str]) -> Iterator[Line]:
    """Every line for a task, in the order in which a person would mend them."""
    theirs = task in ("demo", "test") and bool(environment.get("CLUSTER"))
    running = task in ("demo", "test") and not theirs
    if running or task == "images":
        yield root()
    yield python()
    if theirs:
        yield their_cluster(environment)
    if running:
        yield go()
    if not theirs:
        yield debian(task)
        yield from disk(task)
    elif task == "test":
        yield debian("test")
        yield from disk("images")
    if running:
        yield memory()
        yield from kernel(cluster)
        if environment.get("KUBECONFIG") and not own_cluster.is_throwaway(environment):
            yield Line("note", "KUBECONFIG", "is set; that cluster is left alone", own_cluster.HOW)
    yield from loopback(environment)


def root() -> Line:
    """Nodes and images are made of files and namespaces of other owners."""
    if sys.platform != "linux":
        return Line("missing", "Linux", f"this is {sys.platform}", "use a Linux machine")
    if os.geteuid() != 0:
        return Line(
            "missing", "root", f"this is uid {os.geteuid()}", "run it as root, or set CLUSTER"
        )
    return Line("ok", "root", f"on {platform.system()} {platform.release()} {platform.machine()}")


def python() -> Line:
    """The packages want this one version, for which the lock files are made."""
    version = platform.python_version()
    if sys.version_info[:2] != (3, 11):
        remedy = "install it (apt-get install python3.11) and give PYTHON=python3.11"
        return Line("missing", "Python 3.11", f"{sys.executable} is {version}", remedy)
    return Line("ok", "Python 3.11", f"{sys.executable} is {version}")


def go() -> Line:
    """Kubernetes is compiled with it."""
    modules = sorted((places.ROOT / "cluster/go").glob("*/go.mod"))
    wanted = max(_version(module.read_text()) for module in modules)
    named = "Go " + ".".join(map(str, wanted))
    remedy = "install it from https://go.dev/dl and put its bin folder on the PATH"
    if not needs.find("go"):
        return Line("missing", named, "not found", remedy)
    done = subprocess.run(["go", "env", "GOVERSION"], capture_output=True, text=True, check=False)
    found = _version(f"go {done.stdout.strip().removeprefix('go')}")
    if found < wanted:
        return Line("missing", named, done.stdout.strip() or done.stderr.strip(), remedy)
    return Line("ok", named, f"{shutil.which('go')} is {done.stdout.strip()}")


def _version(text: str) -> tuple[int, ...]:
    found = re.search(r"^go (\d+(?:\.\d+)*)", text, re.MULTILINE)
    return tuple(map(int, found[1].split("."))) if found else (0,)


def debian(task: str) -> Line:
    """Missing packages are no obstacle yet: they are listed, and asked for, next."""
    missing = needs.missing(task)
    if not missing:
        return Line("ok", "Debian packages", "all there")
    if shutil.which("apt-get") is None:
        found = ", ".join(sorted(missing))
        return Line("missing", "Debian packages", found, "no apt-get here: install them yourself")
    found = f"{len(missing)} to add: {' '.join(sorted(missing))}"
    return Line("note", "Debian packages", found, "listed with their sizes and asked for next")


def disk(task: str) -> Iterator[Line]:
    """Room for all that is still to come, file system by file system."""
    wanted = [place for place in places.of_task(task) if not place.there()]
    for device in dict.fromkeys(place.device for place in wanted):
        here = [place for place in wanted if place.device == device]
        folder = places.mount_point(here[0].path)
        free, needed = shutil.disk_usage(folder).free, sum(place.takes for place in here)
        parts = ", ".join(f"{place.name} {megabytes(place.takes)}" for place in here)
        found = f"{megabytes(free)} free on {folder}, {megabytes(needed)} to come ({parts})"
        short = f"free {megabytes(max(0, needed - free))} more (`make clean` says what it frees)"
        remedy = f"{short}, or set UNET_CACHE, GOCACHE, GOMODCACHE to a larger disk"
        yield (
            Line("ok", "disk", found) if free >= needed else Line("missing", "disk", found, remedy)
        )
    if not wanted:
        yield Line("ok", "disk", "everything is built already")


def memory() -> Line:
    """For three nodes with two workers."""
    total = host.total_memory()
    problem = _problem(lambda: host.node_memory(NODES))
    if problem:
        return Line("missing", "memory", problem, "use a machine with 8 GB, or set CLUSTER")
    if total < MEMORY * 0.9:
        return Line("note", "memory", megabytes(total), "8 GB are better: trainings may wait")
    return Line("ok", "memory", megabytes(total))


def kernel(cluster: Cluster) -> Iterator[Line]:
    """Control groups, namespaces, overlay, port and the cluster that may run already."""
    if not all(needs.find(program) for program in ("unshare", "ip")):
        yield Line("note", "kernel", "asked once iproute2 and util-linux are there")
        return
    problem = _problem(lambda: lifecycle.require_possible(cluster, NODES))
    what = f"cluster {cluster.name}"
    if problem:
        yield Line("missing", what, problem)
    else:
        port = f"127.0.0.1:{cluster.port}"
        yield Line("ok", what, f"control groups, namespaces, overlay, veth, bridge, port {port}")


def _problem(check: Callable[[], object]) -> str:
    """What a check of the cluster's own complains of; empty when all is well."""
    try:
        check()
    except KubeError as error:
        return str(error)
    return ""


def their_cluster(environment: Mapping[str, str]) -> Line:
    """The cluster that CLUSTER names."""
    try:
        named = own_cluster.chosen(environment)
    except Problem as error:
        return Line("missing", "cluster", str(error))
    return Line("ok", "cluster", f"yours: context {named.context} at {named.server}")


def loopback(environment: Mapping[str, str]) -> Iterator[Line]:
    """A proxy is used for downloads; loopback must not go through it."""
    name = proxy.named(environment)
    if name and proxy.spares_loopback(environment):
        yield Line("ok", "proxy", f"{name} for downloads, not for 127.0.0.1")
    elif name:
        yield Line(
            "note",
            "proxy",
            f"{name} is set and no_proxy lacks 127.0.0.1",
            "added for this run; for your own shell: export no_proxy=127.0.0.1,localhost",
        )


def render(line: Line) -> str:
    """One line for a person, with colours on a terminal."""
    encodes = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    mark = (MARKS if encodes else PLAIN)[line.state]
    if sys.stdout.isatty() and "NO_COLOR" not in os.environ:
        mark = f"\033[{COLOURS[line.state]}m{mark}\033[0m"
    arrow = "→" if encodes else "->"
    remedy = f"\n      {arrow} {line.remedy}" if line.remedy else ""
    return f"  {mark} {line.what:<16} {line.found}{remedy}"
