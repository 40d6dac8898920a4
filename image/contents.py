#!/usr/bin/env python3
"""Prints what takes the most room in an image, largest first, and why it is there.

Usage: contents.py IMAGE.tar [COUNT]

The rows are those of docs/images.md: megabytes of the files as a container sees them.
"""

from __future__ import annotations

import json
import sys
import tarfile
from collections import Counter
from pathlib import Path
from typing import IO, Any, cast

SITE = "lib/python3.11/site-packages/"
PARTS = {
    "TensorFlow": ("tensorflow",),
    "OpenVINO": ("openvino",),
    "SciPy with its BLAS": ("scipy", "scipy.libs"),
    "NumPy with its BLAS": ("numpy", "numpy.libs"),
    "matplotlib": ("matplotlib",),
    "fontTools": ("fontTools",),
    "Keras": ("keras",),
    "Pillow": ("PIL", "pillow.libs"),
    "h5py": ("h5py", "h5py.libs"),
    "gRPC": ("grpc",),
    "pycryptodome": ("Crypto",),
}
"""Name of a part → its folders in site-packages; other packages go by their own names."""

REASONS = {
    "TensorFlow": "training; without headers, symbols, the network profiler",
    "Debian and Python 3.11": "the system: libc, apt, Python, ssh, tini",
    "OpenVINO": "the faster backend of `evaluate`; without GPU and NPU",
    "SciPy with its BLAS": "resampling, components, distances",
    "Intel MPI": "the ranks' transport, and Hydra, which starts them",
    "NumPy with its BLAS": "everything",
    "Intel MPI: tuning tables": "collectives chosen by processor and fabric",
    "matplotlib": "overlays and curves of the report",
    "fontTools": "matplotlib imports it with its fonts",
    "Keras": "the network's layers, the optimizer",
    "gRPC": "TensorFlow requires it",
    "Pillow": "the report's pictures",
    "pycryptodome": "`stage` reads S3 with minio, which imports it",
    "pygments": "rich requires it",
    "cryptography": "keys and certificates",
    "pydantic_core": "checks every input",
    "pydantic": "models of every input",
    "aiohttp": "requests to the API server",
}


def main(archive: str, count: str = "10") -> None:
    """Prints a table in Markdown."""
    sizes = files(Path(archive))
    parts: Counter[str] = Counter()
    for path, size in sizes.items():
        parts[part_of(path)] += size
    print(f"{sum(sizes.values()) / 1e6:.0f} MB unpacked.\n\n| part | MB | why |\n|---|---|---|")
    for name, size in parts.most_common(int(count)):
        print(f"| {name} | {size / 1e6:.0f} | {REASONS.get(name, '')} |")


def files(archive: Path) -> dict[str, int]:
    """Path → bytes of every file, after all layers."""
    sizes: dict[str, int] = {}
    with tarfile.open(archive) as outer:
        (manifest,) = json.load(member(outer, "manifest.json"))
        for name in cast(dict[str, Any], manifest)["Layers"]:
            with tarfile.open(fileobj=member(outer, name)) as layer:
                for entry in layer:
                    folder, _, last = entry.name.rpartition("/")
                    if last.startswith(".wh."):
                        hidden = f"{folder}/{last.removeprefix('.wh.')}".lstrip("/")
                        gone = [p for p in sizes if p == hidden or p.startswith(f"{hidden}/")]
                        for path in gone:
                            del sizes[path]
                    elif entry.isfile():
                        sizes[entry.name] = entry.size
    return sizes


def member(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    """A file of the archive.

    Raises:
        SystemExit: it is not there, so that this is no image.
    """
    try:
        found = archive.extractfile(name)
    except KeyError:
        found = None
    if found is None:
        sys.exit(f"error: {archive.name!r}: no {name} in it; give a tar of `make images`")
    return found


def part_of(path: str) -> str:
    """The part to which a file belongs."""
    words = path.split("/")
    if words[0] != "opt":
        return "Debian and Python 3.11"
    inner = "/".join(words[2:])
    if inner.startswith("opt/mpi/"):
        return "Intel MPI: tuning tables"
    if not inner.startswith(SITE):
        return "Intel MPI"
    package = inner.removeprefix(SITE).split("/")[0]
    return next((name for name, folders in PARTS.items() if package in folders), package)


if __name__ == "__main__":
    main(*sys.argv[1:])
