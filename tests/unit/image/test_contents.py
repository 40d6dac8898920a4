"""image/contents.py counts what a container sees, by part."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[3]
SITE = "opt/unet/lib/python3.11/site-packages"


def tar_of(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def contents(path: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, CHECKOUT / "image/contents.py", path]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_parts_are_summed_after_all_layers(tmp_path: Path):
    megabyte = bytes(1_000_000)
    lower = {
        f"{SITE}/scipy/a.so": megabyte * 2,
        f"{SITE}/scipy.libs/blas.so": megabyte * 3,
        f"{SITE}/tensorflow/old.so": megabyte * 9,
        f"{SITE}/tensorflow/kept.so": megabyte,
        "usr/bin/python3.11": megabyte * 4,
    }
    upper = {f"{SITE}/tensorflow/.wh.old.so": b"", "usr/bin/python3.11": megabyte * 2}
    manifest = json.dumps([{"Layers": ["1.tar", "2.tar"]}]).encode()
    image = {"manifest.json": manifest, "1.tar": tar_of(lower), "2.tar": tar_of(upper)}
    (tmp_path / "image.tar").write_bytes(tar_of(image))
    total, _, *table = contents(tmp_path / "image.tar").stdout.splitlines()
    assert total == "8 MB unpacked."
    assert [line.split(" | ")[:2] for line in table[2:]] == [
        ["| SciPy with its BLAS", "5"],
        ["| Debian and Python 3.11", "2"],
        ["| TensorFlow", "1"],
    ]


def test_another_tar_is_refused_with_a_line(tmp_path: Path):
    (tmp_path / "other.tar").write_bytes(tar_of({"a": b"b"}))
    done = contents(tmp_path / "other.tar")
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "no manifest.json in it" in done.stderr
    assert len(done.stderr.splitlines()) == 1
