"""The commands of `cluster/kube`."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from . import build, fake, gobuild, host, lifecycle, nodes, ownership, settings, status, teardown
from .report import KubeError, step
from .settings import Cluster


def main(arguments: list[str]) -> int:
    """Runs one command; returns the exit code: 0 done, 1 failed or not healthy, 2 usage."""
    options = _parser().parse_args(arguments)
    run: Callable[[Cluster, argparse.Namespace], int] = options.run
    cluster = Cluster(options.name, options.port or Cluster(options.name).last_port())
    try:
        host.require_root(options.command)
        return run(cluster, options)
    except KubeError as error:
        log = f" (log: {error.log})" if error.log else ""
        print(f"cluster/kube: {error}{log}", file=sys.stderr)
    except subprocess.CalledProcessError as error:
        command = " ".join(map(str, error.cmd))
        print(f"cluster/kube: {command}: {(error.stderr or '').strip()}", file=sys.stderr)
    except BrokenPipeError:  # the reader of the output has seen enough, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        print(f"cluster/kube: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("\ncluster/kube: interrupted; run the same command again, or `down`", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="cluster/kube",
        description="A throwaway Kubernetes of several nodes on this one Linux machine.",
    )
    parser.add_argument(
        "--name",
        type=_name,
        default=settings.DEFAULT_NAME,
        help="unet-SOMETHING for a second cluster beside the first",
    )
    parser.add_argument(
        "--port", type=int, help=f"of the API on loopback ({settings.DEFAULT_PORT})"
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, run: object, text: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(run=run)
        return command

    make = add("build", _build, "make programs, root file system and images; cached")
    late = [program.name for program in gobuild.PROGRAMS if program.when_needed]
    # argparse wants the empty list, which is no program at all, among the choices, too.
    make.add_argument(
        "programs",
        nargs="*",
        choices=[*late, []],
        metavar="PROGRAM",
        help=f"only these of those that are else built when first called: {', '.join(late)}",
    )
    up = add("up", _up, "build what is missing and start what does not run")
    up.add_argument("--nodes", type=_node_count, help="how many (3)")
    up.add_argument("--audit", action="store_true", help="write log/audit.log, until `down`")
    down = add("down", _down, "end every process, namespace and group of the cluster")
    down.add_argument("--all", action="store_true", help="all clusters of this checkout")
    add("status", _status, "what runs and what it uses; fails unless all is well")
    load = add("load", _load, "import image archives on every node")
    load.add_argument("archives", nargs="+", type=Path, metavar="IMAGE.tar")
    kill = add("kill-node", _kill_node, "end a node as a power cut would")
    start = add("start-node", _start_node, "start a killed node again")
    shell = add("shell", _shell, "a shell, or a command, on a node")
    for command in (kill, start, shell):
        command.add_argument("index", type=int, metavar="I")
    shell.add_argument("run_inside", nargs=argparse.REMAINDER, metavar="COMMAND")
    fakes = add("fake-nodes", _fake_nodes, "have N nodes that only pretend; 0 removes them")
    fakes.add_argument("count", type=int, metavar="N")
    add("kubeconfig", _kubeconfig, "print the path of the administrator's kubeconfig")
    return parser


def _name(text: str) -> str:
    if not settings.NAME.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text} is not unet or unet-SOMETHING (a-z, 0-9)")
    return text


def _node_count(text: str) -> int:
    count = int(text)
    if not 1 <= count <= settings.MAX_NODES:
        raise argparse.ArgumentTypeError(f"{count} is not between 1 and {settings.MAX_NODES}")
    return count


def _build(cluster: Cluster, options: argparse.Namespace) -> int:
    with ownership.alone(cluster):
        for name in options.programs:
            gobuild.build_one(name, cluster.bin, cluster.logs)
        if not options.programs:
            build.build(cluster)
    return 0


def _up(cluster: Cluster, options: argparse.Namespace) -> int:
    with ownership.alone(cluster):
        count = options.nodes or cluster.wanted_nodes() or 3
        build.require_packages()
        lifecycle.require_possible(cluster, count)
        built = build.build(cluster)
        lifecycle.up(cluster, built, count, options.audit)
    return 0


def _down(cluster: Cluster, options: argparse.Namespace) -> int:
    for each in teardown.of_this_checkout() if options.all else [cluster]:
        with ownership.alone(each), step(f"cluster {each.name} ends"):
            teardown.end_everything(each)
    return 0


def _status(cluster: Cluster, _options: argparse.Namespace) -> int:
    ownership.require(cluster)
    return 0 if status.show(cluster) else 1


def _load(cluster: Cluster, options: argparse.Namespace) -> int:
    with ownership.alone(cluster):
        lifecycle.load(cluster, options.archives)
    return 0


def _kill_node(cluster: Cluster, options: argparse.Namespace) -> int:
    with ownership.alone(cluster), step(f"node {options.index} ends"):
        nodes.kill(cluster, options.index)
    return 0


def _start_node(cluster: Cluster, options: argparse.Namespace) -> int:
    with ownership.alone(cluster):
        lifecycle.require_running(cluster)
        if not 0 <= options.index < cluster.wanted_nodes():
            raise KubeError(f"node {options.index}", "no such node", "see `status`")
        built = build.build(cluster)
        with step(f"node {options.index} Ready"):
            nodes.start(cluster, options.index, built.rootfs)
            nodes.wait_ready(cluster, options.index)
    return 0


def _shell(cluster: Cluster, options: argparse.Namespace) -> int:
    command = nodes.inside(cluster, options.index, options.run_inside or ["bash", "-l"])
    os.execvp(command[0], command)


def _fake_nodes(cluster: Cluster, options: argparse.Namespace) -> int:
    with ownership.alone(cluster), step(f"{options.count} fake nodes"):
        lifecycle.require_running(cluster)
        fake.scale(cluster, options.count)
    return 0


def _kubeconfig(cluster: Cluster, _options: argparse.Namespace) -> int:
    print(cluster.kubeconfig)
    return 0
