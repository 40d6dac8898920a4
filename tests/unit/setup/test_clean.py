"""`make clean` says what it would free, asks, and removes what the project made, no more."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from machinelib import clean, places
from machinelib.text import Problem

OURS = ("bin", "buildah-operator", "buildah-training", "debian", "images", "rootfs-1")


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with things made, results, and a cache with a stranger's folder in it."""
    root, cache = tmp_path / "checkout", tmp_path / "cache"
    for folder in ("build/images", "demo-output", "unet"):
        (root / folder).mkdir(parents=True)
        (root / folder / "file").write_bytes(bytes(3_000_000))
    shared = tmp_path / "elsewhere"
    shared.mkdir()
    (shared / "kept").touch()
    (root / ".venv").symlink_to(shared)
    for folder in (*OURS, "someone's"):
        (cache / folder).mkdir(parents=True)
    monkeypatch.setenv("UNET_CACHE", str(cache))
    return root


def test_sizes_are_listed_and_nothing_goes_unasked(
    checkout: Path, capsys: pytest.CaptureFixture[str]
):
    with pytest.raises(Problem, match="UNET_CLEAN=yes"):
        clean.clean(caches=False, root=checkout, environment={})
    listed = capsys.readouterr().out
    assert f"3 MB  {checkout}/build\n" in listed
    assert "3 MB  in all" in listed
    assert (checkout / "build/images/file").exists()


def test_what_was_made_goes_and_results_stay(checkout: Path, tmp_path: Path):
    clean.clean(caches=False, root=checkout, environment={"UNET_CLEAN": "yes"})
    assert sorted(path.name for path in checkout.iterdir()) == ["demo-output", "unet"]
    assert (tmp_path / "elsewhere/kept").exists()
    assert (tmp_path / "cache/bin").exists()


def test_with_caches_only_what_is_ours_goes_from_there(checkout: Path, tmp_path: Path):
    clean.clean(caches=True, root=checkout, environment={"UNET_CLEAN": "yes"})
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["someone's"]


def test_every_place_in_the_cache_is_known_to_clean(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("UNET_CACHE", str(tmp_path))
    paths = {place.path for task in ("test", "images", "demo") for place in places.of_task(task)}
    within = {path for path in paths if path.is_relative_to(tmp_path)}
    assert within
    for path in within:
        path.mkdir()
    assert set(clean.of_cache(tmp_path)) == within


def test_every_folder_that_a_build_of_images_keeps_is_known_to_clean(tmp_path: Path):
    script = (places.ROOT / "image/build").read_text()
    kept = set(re.findall(r"\$cache/([a-z]+-?)", script))
    assert {"buildah-", "debian", "images"} <= kept
    for name in kept:
        (tmp_path / f"{name}x" if name.endswith("-") else tmp_path / name).mkdir()
    assert {path.name.removesuffix("x") for path in clean.of_cache(tmp_path)} == kept
