"""No default name of an image can be taken by somebody else on a public registry."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from demolib.settings import IMAGES

CHECKOUT = Path(__file__).resolve().parents[3]
RESERVED = "unet.invalid/"
"""Under the top-level domain that RFC 2606 keeps from ever resolving."""


def images(part: object) -> Iterator[str]:
    """Every value of a field `image`, and of the operator's UNET_OPERATOR_TRAINING_IMAGE."""
    if isinstance(part, dict):
        if isinstance(part.get("image"), str):
            yield part["image"]
        if part.get("name") == "UNET_OPERATOR_TRAINING_IMAGE":
            yield part["value"]
        for value in part.values():
            yield from images(value)
    elif isinstance(part, list):
        for value in part:
            yield from images(value)


def test_the_charts_defaults_resolve_nowhere():
    values = yaml.safe_load((CHECKOUT / "charts/unet-operator/values.yaml").read_text())
    assert values["image"]["repository"] == f"{RESERVED}operator"
    assert values["training"]["image"] == f"{RESERVED}training:{values['image']['tag']}"


@pytest.mark.parametrize(
    "path",
    [
        "manifests/operator.yaml",
        *(p.relative_to(CHECKOUT) for p in CHECKOUT.glob("manifests/samples/*")),
    ],
    ids=str,
)
def test_manifests_name_no_image_that_a_stranger_could_publish(path: str):
    named = list(images(list(yaml.safe_load_all((CHECKOUT / path).read_text()))))
    assert [name for name in named if not name.startswith(RESERVED)] == []


def test_build_demo_and_chart_mean_the_same_images():
    script = (CHECKOUT / "image/build").read_text()
    (registry,) = re.findall(r"^registry=(\S+)$", script, re.MULTILINE)
    assert {name: f"{registry}/{name}:dev" for name in ("training", "operator")} == IMAGES


@pytest.mark.parametrize("name", ["training", "operator"])
def test_a_dockerfile_stands_on_nothing_that_a_stranger_could_publish(name: str):
    for file in ("runtime.Dockerfile", "Dockerfile"):
        text = (CHECKOUT / "image" / name / file).read_text()
        defaults = re.findall(r"^ARG (?:BASE|RUNTIME)=(\S+)$", text, re.MULTILINE)
        assert defaults
        for default in defaults:
            # Debian's own image is an official one: its name belongs to Docker's library.
            assert default.startswith(RESERVED) or re.fullmatch(r"debian:[a-z]+-slim", default)


def test_one_file_sets_every_image_of_the_plain_manifests():
    """`manifests/Kustomization` patches what is there, and leaves none of our names."""
    (text,) = yaml.safe_load((CHECKOUT / "manifests/Kustomization").read_text())["patches"]
    patch = yaml.safe_load(text["patch"])
    objects = list(yaml.safe_load_all((CHECKOUT / "manifests/operator.yaml").read_text()))
    (deployment,) = [o for o in objects if o["kind"] == "Deployment"]
    names = ("name", "namespace")
    assert [patch["metadata"][n] for n in names] == [deployment["metadata"][n] for n in names]
    (ours,), (theirs,) = (o["spec"]["template"]["spec"]["containers"] for o in (deployment, patch))
    assert ours["name"] == theirs["name"]
    known, patched = ({v["name"] for v in c["env"]} for c in (ours, theirs))
    assert patched <= known
    assert len(list(images(patch))) == len(list(images(objects)))
    assert not [name for name in images(patch) if name.startswith(RESERVED)]
