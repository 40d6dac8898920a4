"""What the built archives hold, read without running them."""

from __future__ import annotations

import json
import re
import tarfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.cluster_fixtures import CHECKOUT

LOCKS = {"training": "train", "operator": "operator"}


@dataclass(frozen=True)
class Archive:
    """An image as `docker save` writes it."""

    name: str
    path: Path

    def _json(self, member: str) -> dict | list:
        with tarfile.open(self.path) as tar:
            return json.load(tar.extractfile(member))

    @property
    def config(self) -> dict:
        """The image's configuration."""
        return self._json(self._json("manifest.json")[0]["Config"])

    @contextmanager
    def layers(self) -> Iterator[list[tarfile.TarFile]]:
        """The layers, from the lowest."""
        names = self._json("manifest.json")[0]["Layers"]
        with ExitStack() as stack:
            tar = stack.enter_context(tarfile.open(self.path))
            files = [tar.extractfile(name) for name in names]
            yield [stack.enter_context(tarfile.open(fileobj=file)) for file in files]

    def read(self, path: str) -> bytes:
        """A file of the image, as the topmost layer that has it says."""
        with self.layers() as layers:
            for layer in reversed(layers):
                if path in layer.getnames():
                    return layer.extractfile(path).read()
        raise FileNotFoundError(path)


@pytest.fixture(params=LOCKS)
def archive(request: pytest.FixtureRequest) -> Archive:
    path = CHECKOUT / "build" / "images" / f"{request.param}.tar"
    if not path.exists():
        pytest.skip("the images are not built: run `make images`")
    return Archive(request.param, path)


def test_it_says_what_it_is(archive: Archive):
    (version,) = re.findall(r'^version = "(.*)"', (CHECKOUT / "pyproject.toml").read_text(), re.M)
    labels = archive.config["config"]["Labels"]
    standard = "org.opencontainers.image."
    assert labels[f"{standard}title"].startswith("unet-operator")
    assert labels[f"{standard}version"] == version
    assert labels[f"{standard}licenses"] == "Apache-2.0"


def test_it_runs_as_nobody_in_particular_under_tini(archive: Archive):
    config = archive.config["config"]
    assert config["User"] == "65532:65532"
    assert config["Entrypoint"][:2] == ["/usr/bin/tini", "--"]


def test_its_bill_of_materials_names_every_locked_package(archive: Archive):
    listed = {
        part["purl"]
        for part in json.loads(archive.read("usr/share/unet/sbom.cdx.json"))["components"]
    }
    lock = (CHECKOUT / "setup" / f"{LOCKS[archive.name]}.lock").read_text()
    locked = dict(re.findall(r"^([a-z0-9._-]+)==(\S+) \\$", lock, re.M))
    # What image/*/prune takes out, and nothing else, is missing.
    pruned = {"training": {"libclang", "setuptools"}, "operator": set()}[archive.name]
    assert {
        name for name in locked if any(f"pypi/{name}@" in purl for purl in listed)
    } & pruned == set()
    wanted = {f"pkg:pypi/{name}@{locked[name]}" for name in locked.keys() - pruned}
    # A distribution may spell its name with "_" or "." where the lock has "-".
    plain = {re.sub(r"[_.](?=[a-z])", "-", purl) for purl in listed}
    assert {purl for purl in wanted if re.sub(r"[_.](?=[a-z])", "-", purl) not in plain} == set()
    assert any(purl.startswith("pkg:deb/debian/tini@") for purl in listed)


def test_security_updates_are_looked_up_for_every_debian_package_in_it(archive: Archive):
    components = json.loads(archive.read("usr/share/unet/sbom.cdx.json"))["components"]
    inside = {part["name"] for part in components if part["purl"].startswith("pkg:deb/")}
    watched = (CHECKOUT / "image/debian/packages").read_text().split()
    assert inside - set(watched) == set()


def test_no_layer_holds_a_file_that_gives_its_caller_other_rights(archive: Archive):
    with archive.layers() as layers:
        found = [m.name for layer in layers for m in layer if m.mode & 0o6000]
    assert found == []


def test_neither_layers_nor_history_tell_where_packages_came_from(archive: Archive):
    said = json.dumps(archive.config)
    assert not re.search(r"_MIRROR|PIP_INDEX_URL|https?://", said)
    with archive.layers() as layers:
        sources = [m.name for layer in layers for m in layer if "etc/apt/sources.list" in m.name]
    assert [name for name in sources if not name.rstrip("/").endswith("sources.list.d")] == []


def test_nothing_of_the_build_is_left(archive: Archive):
    with archive.layers() as layers:
        names = [name.strip("/") for layer in layers for name in layer.getnames()]
    left = re.compile(r"^(tmp|root/\.cache|wheelhouse|cache|var/lib/apt/lists)/.")
    assert [name for name in names if left.match(name)] == []


def test_it_stays_within_its_size(archive: Archive):
    assert archive.path.stat().st_size <= {"training": 1.5e9, "operator": 0.25e9}[archive.name]


def test_no_layer_holds_a_private_key(archive: Archive):
    private = re.compile(r"(^|/)(ssh_host_\w+_key|id_(rsa|ed25519|ecdsa))$")
    with archive.layers() as layers:
        found = [name for layer in layers for name in layer.getnames() if private.search(name)]
    assert found == []


def test_every_file_has_the_same_date(archive: Archive):
    with archive.layers() as layers:
        dates = {member.mtime for layer in layers for member in layer if member.isfile()}
    assert len(dates) == 1
