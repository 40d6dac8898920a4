"""What the benchmarks share: spreads, FLOPs, commands and workers."""

import json
import subprocess
import sys
from pathlib import Path

import common
import pytest

BENCH = Path(__file__).resolve().parents[3] / "bench"


def test_a_spread_is_smallest_middle_largest():
    assert common.spread([3.0, 1.0, 2.0]) == {"min": 1.0, "median": 2.0, "max": 3.0}


def test_ratios_compare_within_a_round():
    assert common.ratios([2.0, 30.0], [1.0, 10.0]) == {"min": 2.0, "median": 2.5, "max": 3.0}


def test_flops_are_those_of_the_network_layer_by_layer():
    from unet.network.model import build_network
    from unet.planning.network import NetworkSpec

    filters, patch = (4, 8, 16), (8, 16, 8)
    spec = NetworkSpec(
        channels=2, outputs=3, filters=filters, strides=((2, 2, 2),) * 2, supervised_levels=2
    )
    total = 0
    for layer in build_network(spec, patch_size=patch, supervised=True).layers:
        kind = type(layer).__name__
        if kind not in ("Conv3D", "Conv3DTranspose"):
            continue
        shape = layer.output.shape if kind == "Conv3D" else layer.input.shape
        kernel = layer.kernel.shape
        total += 2 * shape[1] * shape[2] * shape[3] * int(common.math.prod(kernel))
    assert common.forward_flops(filters, patch, 2, 3, 1, 2) == total


def test_a_command_tells_its_code_peak_and_cpu_seconds():
    # From a small process: a child's peak starts at that of the process which started it.
    code = f"""import sys
sys.path.insert(0, {str(BENCH)!r})
from common import run
done = run([sys.executable, "-c", "b = bytearray(200 << 20); print(len(b)); exit(3)"], 1)
print(done.code, int(done.output) >> 20, done.peak_bytes >> 20, done.cpu > 0)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    exit_code, size, peak, spent = done.stdout.split()
    assert (exit_code, size, spent) == ("3", "200", "True")
    assert 200 <= int(peak) < 260


def test_a_command_beyond_its_limit_fails_alone():
    done = common.run([sys.executable, "-c", "bytearray(4 << 30)"], 1, address_space=1 << 30)
    assert done.code == 1
    assert "MemoryError" in done.output


def test_a_failed_command_ends_the_benchmark_with_its_last_words():
    done = common.run([sys.executable, "-c", "print('why'); exit(10)"], 1)
    with pytest.raises(SystemExit, match=r"train ended with code 10:\nwhy"):
        common.require(done, "train")


def test_our_side_of_the_training_benchmark_trains():
    command = [
        sys.executable,
        str(BENCH / "training_step.py"),
        "--serve",
        "--patch",
        "8,8,8",
        "--batch",
        "1",
        "--filters",
        "2,4",
        "--threads",
        "1",
    ]
    with common.Worker(command, 1) as worker:
        first, second = worker.ask(steps=1), worker.ask(steps=4)
    assert len(second["cpu"]) == len(second["wall"]) == 4
    assert second["loss"] < first["loss"]


def test_every_benchmark_explains_itself():
    names = (
        "training_step",
        "pipeline",
        "scaling",
        "memory",
        "plan_memory",
        "quality",
        "first_try",
        "inference",
        "compare",
        "renew",
    )
    running = {
        name: subprocess.Popen(
            [sys.executable, str(BENCH / f"{name}.py"), "--help"], stdout=subprocess.PIPE, text=True
        )
        for name in names
    }
    for name, process in running.items():
        assert f"python bench/{name}.py" in process.communicate()[0]
        assert process.returncode == 0


def test_a_worker_answers_one_line_a_request():
    code = (
        f"import sys; sys.path.insert(0, {str(BENCH)!r}); import common; common.answer(lambda: 0.5)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input='{"steps": 2}\n', capture_output=True, text=True
    )
    found = json.loads(done.stdout)
    assert found["loss"] == 0.5
    assert len(found["cpu"]) == 2
