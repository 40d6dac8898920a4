#!/usr/bin/env python3
"""Prints a CycloneDX list of the Debian and Python packages in this file system.

Usage: sbom.py NAME SITE_PACKAGES
"""

import importlib.metadata
import json
import subprocess
import sys


def debian() -> list[dict[str, str]]:
    """The installed Debian packages."""
    listing = subprocess.run(
        ["dpkg-query", "-Wf", "${Package} ${Version} ${Architecture}\n"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    rows = (line.split() for line in listing.splitlines())
    return [component("deb/debian", name, version, f"?arch={arch}") for name, version, arch in rows]


def python(site: str) -> list[dict[str, str]]:
    """The Python packages installed in `site`."""
    found = importlib.metadata.distributions(path=[site])
    return [component("pypi", d.metadata["Name"].lower(), d.version) for d in found]


def component(kind: str, name: str, version: str, suffix: str = "") -> dict[str, str]:
    """One entry of the list."""
    address = f"pkg:{kind}/{name}@{version}{suffix}"
    return {"type": "library", "name": name, "version": version, "purl": address}


def main(name: str, site: str) -> None:
    """Prints the list, sorted, without a date, so that equal contents give equal bytes."""
    parts = sorted(debian() + python(site), key=lambda part: part["purl"])
    top = {"component": {"type": "container", "name": name}}
    document = {"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1, "metadata": top}
    print(json.dumps(document | {"components": parts}, indent=1))


if __name__ == "__main__":
    main(*sys.argv[1:])
