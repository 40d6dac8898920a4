"""`up`, `load` and `fake-nodes`' precondition: the order in which things start."""

from __future__ import annotations

import json
import shutil
import tarfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

from . import (
    addons,
    api,
    cgroups,
    controlplane,
    files,
    host,
    network,
    nodes,
    ownership,
    pki,
    processes,
    settings,
    teardown,
)
from .build import Built
from .report import KubeError, step
from .settings import Cluster


def up(cluster: Cluster, built: Built, count: int, audit: bool) -> None:
    """Starts whatever of the cluster does not run; returns when pods can be scheduled."""
    started = time.monotonic()
    _claim(cluster, count)
    _place_images(cluster, built)
    cluster.shared.mkdir(parents=True, exist_ok=True)
    with step("certificates"):
        pki.create(cluster, count)
        for component in ("kube-controller-manager", "kube-scheduler"):
            config = pki.kubeconfig(cluster, component)
            files.write_atomic(cluster.run / f"{component}.conf", config, 0o600)
    with step("network"):
        network.create_switch(cluster)
    cgroups.create(f"{cluster.name}/{cgroups.SUPERVISORS}")
    cgroups.weigh(cluster.name, processes=2 * count)
    with step("control plane", cluster.logs / "kube-apiserver.log"):
        controlplane.start(cluster, audit)
    with step(f"{count} nodes", processes.log_file(cluster, nodes.process_name(0))):
        on_each(count, lambda index: nodes.start(cluster, index, built.rootfs))
        addons.apply(cluster)
        on_each(count, lambda index: nodes.wait_ready(cluster, index))
    with step("names, volumes, network policy"):
        addons.wait_ready(cluster)
    print(f"up in {time.monotonic() - started:.0f} s; export KUBECONFIG={cluster.kubeconfig}")


def require_possible(cluster: Cluster, count: int) -> None:
    """Raises if `up` could not succeed: asked before the long build.

    Raises:
        KubeError: another checkout runs the cluster, or this one with other than `count`
            nodes, or its records are lost; or the machine lacks a feature, memory or the
            port.
    """
    _require_unclaimed(cluster, count)
    host.require_features(cluster)
    host.node_memory(count)


def _require_unclaimed(cluster: Cluster, count: int) -> None:
    """Raises if name or port are another's, or if the cluster runs with other than `count`."""
    ownership.require(cluster)
    ownership.require_port(cluster)
    if cgroups.members(cluster.name) and cluster.wanted_nodes() != count:
        known = cluster.wanted_nodes()
        found = f"runs with {known} nodes, not {count}" if known else "runs, but not from here"
        raise KubeError(f"cluster {cluster.name}", found, "run `down` first")
    if not processes.pid(cluster, "relay-outside"):
        host.require_port(cluster.port)
    elif cluster.port != cluster.last_port():
        found = f"listens on port {cluster.last_port()}, not {cluster.port}"
        raise KubeError(f"cluster {cluster.name}", found, "run `down` first")


def _claim(cluster: Cluster, count: int) -> None:
    """Notes that this checkout runs the cluster of this name, with `count` nodes.

    What was asked before the build is asked again: much can have happened meanwhile.
    """
    with ownership.machine():
        _require_unclaimed(cluster, count)
        ownership.claim(cluster)
        network.made_mount_point(teardown.NETNS_RECORD)
        files.write_atomic(cluster.run / "nodes", str(count))
        files.write_atomic(cluster.run / "port", str(cluster.port))


def on_each(count: int, action: Callable[[int], None]) -> None:
    """Runs `action` for every node index, at the same time; the first error is raised."""
    with ThreadPoolExecutor(max_workers=max(1, count)) as pool:
        for future in [pool.submit(action, index) for index in range(count)]:
            future.result()


def load(cluster: Cluster, archives: list[Path]) -> None:
    """Makes every node hold the images in `archives`, also after a restart.

    Raises:
        KubeError: a file is no image archive, its layers find no room, or the cluster does
            not run.
    """
    require_running(cluster)
    targets = {archive: cluster.images / f"loaded-{archive.stem}.tar" for archive in archives}
    for archive in archives:
        for name in image_names(archive):
            print(f"  {name}")
    new = [a for a, target in targets.items() if not (target.exists() and target.samefile(a))]
    # Unpacked once for all nodes; one at a time, as each holds it packed as well meanwhile.
    needed = 2 * sum(archive.stat().st_size for archive in new)
    host.require_disk(cluster.state, needed, "or move the checkout to a larger disk")
    for archive, target in targets.items():
        files.place(archive.resolve(), target)
    with step(f"import on {cluster.wanted_nodes()} nodes"):
        for index in range(cluster.wanted_nodes()):
            if processes.pid(cluster, nodes.process_name(index)):
                nodes.import_images(cluster, index)
    nodes.prune_layers(cluster)


def image_names(archive: Path) -> list[str]:
    """Returns the tags inside a docker-archive or OCI archive.

    Raises:
        KubeError: it is neither.
    """
    remedy = "give what `docker save` or `buildah push … docker-archive:` wrote"
    try:
        with tarfile.open(archive) as tar:
            names = tar.getnames()
            if "manifest.json" in names:
                entries = json.load(_member(tar, "manifest.json"))
                return [tag for entry in entries for tag in entry.get("RepoTags") or []]
            if "index.json" in names:
                index = json.load(_member(tar, "index.json"))
                key = "org.opencontainers.image.ref.name"
                return [m.get("annotations", {}).get(key, "") for m in index["manifests"]]
    except (OSError, tarfile.TarError) as error:
        raise KubeError(str(archive), str(error), remedy) from None
    raise KubeError(str(archive), "no manifest.json or index.json inside", remedy)


def _member(tar: tarfile.TarFile, name: str) -> IO[bytes]:
    """A file of an archive, open; raises tarfile.ReadError when it is a folder or the like."""
    stream = tar.extractfile(name)
    if stream is None:
        raise tarfile.ReadError(f"{name} is no file")
    return stream


def require_running(cluster: Cluster) -> None:
    """Raises unless the API server answers, and to this checkout."""
    ownership.require(cluster)
    if not api.is_ready(cluster):
        raise KubeError(f"cluster {cluster.name}", "does not run", "start it with `up`")


def _place_images(cluster: Cluster, built: Built) -> None:
    """Puts the cluster's own images where nodes import from, and removes older ones."""
    wanted = {f"system-{archive.name}": archive for archive in built.archives}
    cluster.images.mkdir(parents=True, exist_ok=True)
    for path in cluster.images.glob("system-*.tar"):
        if path.name not in wanted:
            path.unlink()
    for name, archive in wanted.items():
        files.place(archive, cluster.images / name)
    for index in range(settings.MAX_NODES):
        if index >= cluster.wanted_nodes():
            for folder in (cluster.node_state(index), cluster.stores / settings.node_name(index)):
                shutil.rmtree(folder, ignore_errors=True)
