"""What is generated: fresh, and a reference with a line for every field."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import yaml
from support.operator.schemas import ALL_FIELDS
from unet_operator.api import generate
from unet_operator.api.crd import definition

ROOT = Path(__file__).resolve().parents[4]
REFERENCE = generate.reference().splitlines()


def test_the_command_prints_the_definition(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["generate", "crd"])
    generate.main()
    assert yaml.safe_load(capsys.readouterr().out) == definition()


@pytest.mark.parametrize("arguments", [[], ["xml"], ["crd", "reference"]])
def test_the_command_wants_the_name_of_one_product(monkeypatch, arguments):
    monkeypatch.setattr(sys, "argv", ["generate", *arguments])
    with pytest.raises(SystemExit, match=r"crd\|reference"):
        generate.main()


@pytest.mark.parametrize(("path", "node"), ALL_FIELDS, ids=[path for path, _ in ALL_FIELDS])
def test_the_reference_has_a_line_for_every_field(path, node):
    line = next(row for row in REFERENCE if row.startswith(f"| `{path}` |"))
    for bound in ("minimum", "maximum"):
        if bound in node:
            assert f" {node[bound]}" in line
    for choice in node.get("enum", ()):
        assert choice in line


def test_the_reference_marks_what_is_required():
    required = [line.split("`")[1] for line in REFERENCE if "| *required* " in line]
    assert {"spec.dataset", "spec.dataset.task", "spec.output"} <= set(required)
    assert "spec.training" not in required


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("manifests/crd.yaml", generate.crd),
        ("charts/unet-operator/files/crd.yaml", generate.crd),
        ("docs/reference.md", generate.reference),
    ],
)
def test_generated_files_are_fresh(path, text):
    assert (ROOT / path).read_text() == text(), "run: make crd"
