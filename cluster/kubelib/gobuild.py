"""Builds the cluster's programs from the pinned Go modules under `cluster/go/`.

Kubernetes, etcd and kubectl are one binary from one module, built with exactly the
dependencies that Kubernetes was released with.  Everything else is a `tool` of a second
module, so that what those tools share is compiled once.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from . import files
from .report import KubeError, step, tail
from .settings import SOURCE, cache_folder

GO = SOURCE / "go"


@dataclass(frozen=True)
class Program:
    """One binary.

    Args:
        name: its file name.
        package: what `go build` is given, inside `module`.
        pinned: the Go module whose version it reports.
        stamps: linker variables that take that version.
        module: the folder under `cluster/go/`.
        when_needed: whether it is built at its first call instead of before the first start.
    """

    name: str
    package: str
    pinned: str
    stamps: tuple[str, ...] = ()
    module: str = "tools"
    when_needed: bool = False


_CONTAINERD = "github.com/containerd/containerd/v2"
_CNI = "github.com/containernetworking/plugins"
_CNI_STAMP = (f"{_CNI}/pkg/utils/buildversion.BuildVersion",)

PROGRAMS = (
    Program(
        "kubernetes",
        ".",
        "k8s.io/kubernetes",
        ("k8s.io/component-base/version.gitVersion", "k8s.io/client-go/pkg/version.gitVersion"),
        module="kubernetes",
    ),
    *(
        Program(name, package, _CONTAINERD, (f"{_CONTAINERD}/version.Version",))
        for name, package in (
            ("containerd", "./containerd"),
            ("containerd-shim-runc-v2", f"{_CONTAINERD}/cmd/containerd-shim-runc-v2"),
            ("ctr", f"{_CONTAINERD}/cmd/ctr"),
        )
    ),
    *(
        Program(f"cni/{path.split('/')[1]}", f"{_CNI}/plugins/{path}", _CNI, _CNI_STAMP)
        for path in ("main/ptp", "main/loopback", "ipam/host-local", "meta/portmap")
    ),
    Program("coredns", "./coredns", "github.com/coredns/coredns"),
    Program(
        "local-path-provisioner",
        "github.com/rancher/local-path-provisioner",
        "github.com/rancher/local-path-provisioner",
        ("main.VERSION",),
    ),
    Program(
        "kube-network-policies",
        "sigs.k8s.io/kube-network-policies/cmd",
        "sigs.k8s.io/kube-network-policies",
    ),
    Program(
        "helm",
        "helm.sh/helm/v4/cmd/helm",
        "helm.sh/helm/v4",
        ("helm.sh/helm/v4/internal/version.version",),
        when_needed=True,
    ),
    Program(
        "kwok",
        "sigs.k8s.io/kwok/cmd/kwok",
        "sigs.k8s.io/kwok",
        ("sigs.k8s.io/kwok/pkg/consts.Version",),
        when_needed=True,
    ),
)

_BUILD_FIRST = """#!/bin/sh
# {name} is built when it is first called.
"{kube}" build {name} >&2 && exec "$0" "$@"
"""

KUBERNETES_NAMES = (
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kube-proxy",
    "kubectl",
    "etcd",
)
"""Names by which the one Kubernetes binary is called."""


def pinned_version(program: Program) -> str:
    """Returns the version that the program's go.mod pins, e.g. ``v1.37.2``."""
    text = (GO / program.module / "go.mod").read_text()
    found = re.search(rf"^(?:require)?\s*{re.escape(program.pinned)} (v\S+)", text, re.MULTILINE)
    if not found:
        raise KubeError(
            f"cluster/go/{program.module}/go.mod", f"no {program.pinned}", "add it with `go get`"
        )
    return found[1]


def build_all(bin_folder: Path, logs: Path) -> None:
    """Puts every program into `bin_folder`, from the cache where its inputs are unchanged.

    Where one is built when needed, a script takes its place that builds it and runs it.
    """
    version = _go_version()
    for program in PROGRAMS:
        cached = _cached(program, version)
        if program.when_needed and not cached.exists():
            script = _BUILD_FIRST.format(kube=SOURCE / "kube", name=program.name)
            files.write_atomic(bin_folder / program.name, script, 0o755)
        else:
            _place(program, cached, bin_folder, logs)
    for name in KUBERNETES_NAMES:
        link = bin_folder / name
        if not link.is_symlink():
            link.symlink_to("kubernetes")


def build_one(name: str, bin_folder: Path, logs: Path) -> None:
    """Puts the program `name` into `bin_folder`, built now if it was not yet."""
    program = next(program for program in PROGRAMS if program.name == name)
    _place(program, _cached(program, _go_version()), bin_folder, logs)


def _place(program: Program, cached: Path, bin_folder: Path, logs: Path) -> None:
    if not cached.exists():
        _build(program, cached, logs / f"build-{program.name.replace('/', '-')}.log")
    files.place(cached, bin_folder / program.name)


def _cached(program: Program, go_version: str) -> Path:
    name = program.name.replace("/", "-")
    return cache_folder() / "bin" / f"{name}-{_key(program, go_version)}"


def _go_version() -> str:
    if not shutil.which("go"):
        raise KubeError("go", "not found", "install Go 1.26 or newer and put it on PATH")
    return subprocess.run(
        ["go", "env", "GOVERSION", "GOARCH"], check=True, capture_output=True, text=True
    ).stdout


def _key(program: Program, go_version: str) -> str:
    module = GO / program.module
    sources = [*module.glob("*.mod"), *module.glob("*.sum")]
    if program.package.startswith("."):
        sources += (module / program.package).glob("*.go")
    return files.digest(go_version, repr(program), *sorted(sources))


def _build(program: Program, target: Path, log: Path) -> None:
    version = pinned_version(program)
    stamps = [f"-X {variable}={version}" for variable in program.stamps]
    if program.name == "kubernetes":
        _, minor, _ = version.split(".")
        for package in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version"):
            stamps += [f"-X {package}.gitMajor=1", f"-X {package}.gitMinor={minor}"]
            stamps += [f"-X {package}.gitTreeState=archive"]
    target.parent.mkdir(parents=True, exist_ok=True)
    log.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    # The linker drops what debuggers read (-s -w), so the compiler need not write it: a sixth of
    # its time.
    command = ["nice", "go", "build", "-trimpath", "-buildvcs=false", "-gcflags=all=-dwarf=false"]
    command += ["-ldflags", " ".join(["-s", "-w", *stamps]), "-o", str(temporary), program.package]
    with step(f"go build {program.name} {version}", log), log.open("w") as output:
        done = subprocess.run(
            command,
            cwd=GO / program.module,
            env={**os.environ, "CGO_ENABLED": "0"},
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode:
        raise KubeError(f"go build {program.name}", f"failed:\n{tail(log)}", "see the log", log)
    temporary.replace(target)
