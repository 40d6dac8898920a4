"""Lets a PyTorch wheel built for CUDA run on the CPU without CUDA's 4 GB of libraries.

    PEER/bin/pip install --no-deps torch
    PEER/bin/python bench/peers/without_cuda.py

The plain wheel links against CUDA, cuDNN and the like even where no GPU is.  This writes a
small library in place of each that is missing; whatever function is called in it answers
with an error, which PyTorch takes for "no GPU".  Its code for the CPU is left as it is.
A wheel built for CPUs needs none of this.  Needs gcc and readelf.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

UNVERSIONED = {
    "libnccl.so.2": "nccl",
    "libcufile.so.0": "cuFile",
    "libcurand.so.10": "curand",
    "libcusparseLt.so.0": "cusparseLt",
    "libcuda.so.1": "cu",
}
"""Libraries whose symbols carry no version, and how their functions' names start."""
STARTS = ("libcu", "libnccl", "libnv")


@dataclass
class Needs:
    """What PyTorch's libraries want from others.

    Attributes:
        versions: of symbols, by library.
        versioned: symbols, by version.
        loose: symbols without a version.
    """

    versions: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    versioned: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    loose: set[str] = field(default_factory=set)


def readelf(*arguments: str) -> str:
    return subprocess.run(["readelf", "-W", *arguments], capture_output=True, text=True).stdout


def needs_of(folder: Path) -> Needs:
    """Reads every library of a folder."""
    needs = Needs()
    for library in folder.glob("*.so*"):
        for name in re.findall(r"NEEDED.*\[(.*?)\]", readelf("-d", str(library))):
            needs.versions[name].update()
        source = ""
        for line in readelf("-V", str(library)).splitlines():
            if found := re.search(r"File: (\S+)", line):
                source = found[1]
            elif source and (found := re.search(r"Name: (\S+)\s+Flags", line)):
                needs.versions[source].add(found[1])
        symbols = readelf("--dyn-syms", str(library))
        for name, version in re.findall(r" UND (\S+?)(?:@+(\S+))?(?: \(\d+\))?$", symbols, re.M):
            (needs.versioned[version] if version else needs.loose).add(name)
    return needs


def functions_of(library: str, needs: Needs) -> set[str]:
    """The functions that a missing library must have."""
    versions = needs.versions[library]
    if versions:
        return set().union(*(needs.versioned[version] for version in versions))
    start = UNVERSIONED.get(library)
    return {name for name in needs.loose if start and re.match(f"{start}[A-Z]", name)}


def write(file: Path, functions: set[str], needs: Needs) -> None:
    """Compiles a library whose functions all answer 999, "unknown error"."""
    with tempfile.TemporaryDirectory() as name:
        source, script = Path(name) / "empty.c", Path(name) / "versions.map"
        source.write_text("".join(f"long {f}(void) {{ return 999; }}\n" for f in functions))
        versions = sorted(needs.versions[file.name])
        listed = {v: "".join(f"{f}; " for f in needs.versioned[v]) for v in versions}
        nodes = (f"{v} {{ {f'global: {f}' if f else ''} }};\n" for v, f in listed.items())
        script.write_text("".join(nodes))
        command = ["gcc", "-shared", "-w", "-fno-builtin", f"-Wl,-soname,{file.name}"]
        if versions:
            command.append(f"-Wl,--version-script={script}")
        subprocess.run([*command, "-o", str(file), str(source)], check=True)


def main() -> None:
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    folder = Path(sys.prefix) / "lib" / version / "site-packages/torch/lib"
    if not folder.is_dir():
        raise SystemExit(f"{folder}: no such folder; install torch with this python first")
    needs = needs_of(folder)
    for name in sorted(needs.versions):
        if name.startswith(STARTS) and not (folder / name).exists():
            write(folder / name, functions_of(name, needs), needs)
            print(f"wrote {name}")


if __name__ == "__main__":
    main()
