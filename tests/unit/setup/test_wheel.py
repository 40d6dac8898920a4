"""The wheel holds what the packages need, their types and the licence."""

from __future__ import annotations

import email
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[3]
PACKAGES = {"unet": CHECKOUT / "unet", "unet_operator": CHECKOUT / "operator" / "unet_operator"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel of this checkout, built from a copy, which keeps the checkout clean."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in ("LICENSE", "README.md", "pyproject.toml"):
        shutil.copy(CHECKOUT / name, source)
    for package in PACKAGES.values():
        target = source / package.relative_to(CHECKOUT)
        shutil.copytree(package, target, ignore=shutil.ignore_patterns("__pycache__"))
    words = ["wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(folder), str(source)]
    subprocess.run([sys.executable, "-m", "pip", *words], check=True)
    (built,) = folder.glob("*.whl")
    return zipfile.ZipFile(built)


def test_the_wheel_holds_every_file_of_the_packages(wheel: zipfile.ZipFile):
    files = {
        f"{name}/{path.relative_to(folder)}"
        for name, folder in PACKAGES.items()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert files - set(wheel.namelist()) == set()


def test_type_checkers_read_the_types_of_both_packages(wheel: zipfile.ZipFile):
    assert {f"{name}/py.typed" for name in PACKAGES} <= set(wheel.namelist())


def test_the_licence_is_in_the_wheel_as_it_is_in_the_repository(wheel: zipfile.ZipFile):
    (inside,) = [name for name in wheel.namelist() if name.endswith("LICENSE")]
    assert wheel.read(inside) == (CHECKOUT / "LICENSE").read_bytes()
    assert b"Apache License" in wheel.read(inside)
    (metadata,) = [name for name in wheel.namelist() if name.endswith("dist-info/METADATA")]
    assert email.message_from_bytes(wheel.read(metadata))["License"] == "Apache-2.0"
