"""Programs are built from pinned modules, two of them only when they are first called."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from kubelib import cli, gobuild
from kubelib.settings import SOURCE

WHEN_NEEDED = {"helm", "kwok"}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache that holds every program but those that are built when needed."""
    monkeypatch.setattr(gobuild, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setattr(gobuild, "_go_version", lambda: "go1.26.6 amd64")
    for program in gobuild.PROGRAMS:
        if program.name not in WHEN_NEEDED:
            hold(program)
    return tmp_path / "cache"


def hold(program: gobuild.Program) -> None:
    """Puts a program that says its name into the cache."""
    cached = gobuild._cached(program, "go1.26.6 amd64")
    cached.parent.mkdir(parents=True, exist_ok=True)
    cached.write_text(f"#!/bin/sh\necho {program.name} $*\n")
    cached.chmod(0o755)


@pytest.mark.parametrize("program", gobuild.PROGRAMS, ids=lambda program: program.name)
def test_every_program_is_pinned_in_a_go_mod(program: gobuild.Program):
    assert gobuild.pinned_version(program).startswith("v")


def test_coredns_has_the_plugins_that_its_manifest_uses():
    source = (SOURCE / "go" / "tools" / "coredns" / "main.go").read_text()
    manifest = (SOURCE / "manifests" / "coredns.yaml").read_text()
    server = re.search(r"\.:53 \{\n(.*?)\n    \}\n", manifest, re.DOTALL)[1]
    used = set(re.findall(r"^ {8}([a-z]+)", server, re.MULTILINE))
    assert used == set(re.findall(r'coredns/plugin/([a-z]+)"', source))


def test_what_is_built_when_needed_waits_for_its_first_call(cache: Path, tmp_path: Path):
    gobuild.build_all(tmp_path / "bin", tmp_path / "log")
    assert "kubernetes" in (tmp_path / "bin" / "kubernetes").read_text()
    for name in WHEN_NEEDED:
        script = tmp_path / "bin" / name
        assert f'"{SOURCE}/kube" build {name}' in script.read_text()
        assert script.stat().st_mode & 0o111


def test_what_was_built_once_needs_no_building(cache: Path, tmp_path: Path):
    for program in gobuild.PROGRAMS:
        hold(program)
    gobuild.build_all(tmp_path / "bin", tmp_path / "log")
    assert (tmp_path / "bin" / "helm").read_text() == "#!/bin/sh\necho helm $*\n"


def test_a_change_of_one_programs_source_spares_the_others(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    module = tmp_path / "go" / "tools"
    (module / "coredns").mkdir(parents=True)
    (module / "go.mod").write_text("")
    (module / "coredns" / "main.go").write_text("package main")
    monkeypatch.setattr(gobuild, "GO", tmp_path / "go")
    programs = {program.name: program for program in gobuild.PROGRAMS}
    before = {name: gobuild._key(programs[name], "go1") for name in ("coredns", "helm")}
    (module / "coredns" / "main.go").write_text("package main // changed")
    after = {name: gobuild._key(programs[name], "go1") for name in ("coredns", "helm")}
    assert after["coredns"] != before["coredns"]
    assert after["helm"] == before["helm"]


def test_only_what_is_built_when_needed_can_be_named(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit, match="2"):
        cli.main(["build", "docker"])
    assert "'docker'" in capsys.readouterr().err


SHARED = (
    "golang.org/x/net",
    "golang.org/x/oauth2",
    "golang.org/x/sys",
    "golang.org/x/text",
    "golang.org/x/time",
    "google.golang.org/genproto/googleapis/rpc",
    "google.golang.org/grpc",
    "google.golang.org/protobuf",
    "github.com/fxamacker/cbor/v2",
    "github.com/go-openapi/swag",
    "github.com/google/gnostic-models",
    "github.com/prometheus/client_golang",
    "github.com/prometheus/client_model",
    "github.com/prometheus/common",
    "go.opentelemetry.io/otel",
    "go.opentelemetry.io/otel/trace",
    "go.yaml.in/yaml/v3",
    "k8s.io/api",
    "k8s.io/apimachinery",
    "k8s.io/client-go",
)
"""What Kubernetes and the tools both stand on."""


def test_kubernetes_and_the_tools_stand_on_the_same_modules():
    """Go then compiles Kubernetes' client once: a tool that uses it builds in seconds."""
    versions = [
        dict(re.findall(r"^\s+(\S+) (v\S+)", (gobuild.GO / name / "go.mod").read_text(), re.M))
        for name in ("kubernetes", "tools")
    ]
    both = [{name: found[name] for name in SHARED if name in found} for found in versions]
    common = both[0].keys() & both[1].keys()
    assert len(common) > len(SHARED) / 2
    assert {n: both[0][n] for n in common} == {n: both[1][n] for n in common}
