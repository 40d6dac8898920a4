"""What the demo changed on this machine: noted before it begins, said when it ends."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .settings import KUBE, OUTPUT, ROOT, YOURS


@dataclass(frozen=True)
class Machine:
    """What a demo may change.

    Args:
        packages: Debian packages with their versions.
        free: bytes free where the project is.
    """

    packages: frozenset[str]
    free: int

    @classmethod
    def now(cls) -> Machine:
        """As it is."""
        packages = frozenset[str]()
        if shutil.which("dpkg-query"):
            words = ["dpkg-query", "-Wf", "${Package} ${Version} ${db:Status-Status}\\n"]
            done = subprocess.run(words, capture_output=True, text=True, check=False)
            packages = frozenset(done.stdout.splitlines())
        return cls(packages, shutil.disk_usage(ROOT).free)

    def changes_since(self, before: Machine) -> list[str]:
        """One line for each kind of thing that is different, and how to undo it."""
        added = sorted(line.split()[0] for line in self.packages - before.packages)
        taken = max(0, before.free - self.free) / 1e9
        lines = [
            f"Debian packages   {' '.join(added) or 'none'}",
            f"disk              {taken:.1f} GB less is free; `make clean` and `make distclean` "
            "say what they free",
            f"results           {OUTPUT}",
        ]
        if not YOURS:
            down = " ".join([str(Path(KUBE[0]).relative_to(ROOT)), *KUBE[1:], "down"])
            lines.append(f"running           the cluster's processes, until `{down}`")
        return lines
