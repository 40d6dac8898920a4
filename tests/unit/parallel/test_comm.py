"""The promises of `Comm` that hold for one rank alone, and how an engine is chosen.

The same promises over several ranks: tests/mpi.
"""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from unet.parallel import engine as module
from unet.parallel.engine import open_comm
from unet.parallel.horovod_engine import as_peer_lost
from unet.parallel.mpi_environment import requested_ranks, require_ranks
from unet.parallel.solo import Solo
from unet.system.errors import UsageError

CONTRACT = """
import json, numpy as np, tensorflow as tf
from unet.parallel.horovod_engine import Horovod
from unet.parallel.solo import Solo
comm = {engine}()
v = tf.Variable([1.0, 2.0])
comm.broadcast_variables([v])

@tf.function
def step(x):
    with tf.GradientTape() as tape:
        loss = comm.allreduce_tensor(tf.reduce_sum(v * x)) ** 2
    return comm.allreduce_gradients([tape.gradient(loss, v), tf.fill([2, 1], x)])

gradient, filled = step(tf.constant(2.0))
exact = comm.allreduce_sum(np.array([2**60 + 1, -1]))
real = comm.allreduce_sum(np.float32(0.5))
comm.barrier()
print(json.dumps([
    comm.rank, comm.size, comm.local_rank, v.numpy().tolist(), gradient.numpy().tolist(),
    filled.numpy().tolist(), exact.tolist(), str(exact.dtype), real.tolist(), str(real.dtype),
    comm.allreduce_mean([1, 2]).tolist(), comm.agree_any(True), comm.agree_any(False),
    comm.gather_objects({{"text": "é", "none": None, "list": [1, 2.5]}}),
]))
comm.shutdown()
"""


def answers(engine: str) -> str:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PMI", "OMPI"))}
    done = subprocess.run(
        [sys.executable, "-c", CONTRACT.format(engine=engine)],
        capture_output=True,
        text=True,
        env=environment | {"TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


def test_solo_keeps_the_contract():
    assert answers("Solo") == (
        "[0, 1, 0, [1.0, 2.0], [24.0, 24.0], [[2.0], [2.0]], [1152921504606846977, -1], "
        '"int64", 0.5, "float64", [1.0, 2.0], true, false, '
        '[{"text": "\\u00e9", "none": null, "list": [1, 2.5]}]]'
    )


@pytest.mark.mpi
def test_horovod_alone_answers_as_solo_does():
    pytest.importorskip("horovod", reason="Horovod is not installed: make setup")
    assert answers("Horovod") == answers("Solo")


@pytest.mark.parametrize("name", ["PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "UNET_RANKS"])
def test_size_is_what_any_mpirun_says(name):
    assert requested_ranks({name: "3"}) == 3


def test_without_mpirun_nothing_was_asked():
    assert requested_ranks({}) is None
    assert isinstance(open_comm(environment={}), Solo)


def test_one_rank_needs_no_engine():
    assert isinstance(open_comm(environment={"PMI_SIZE": "1"}), Solo)


def test_wrong_size_variable_is_named():
    with pytest.raises(UsageError, match="PMI_SIZE: 'many'"):
        requested_ranks({"PMI_SIZE": "many"})


def test_ranks_that_each_believe_to_be_alone_are_an_error():
    """Open MPI's mpirun on an Intel MPI build: the launcher said 3, the library sees 1."""
    with pytest.raises(UsageError, match="3 ranks were asked for but the MPI library sees 1"):
        require_ranks(1, requested_ranks({"OMPI_COMM_WORLD_SIZE": "3"}))


@pytest.mark.mpi
def test_horovod_that_sees_one_rank_where_open_mpis_mpirun_started_three_is_refused():
    pytest.importorskip("horovod", reason="Horovod is not installed: make setup")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PMI")}
    done = subprocess.run(
        [sys.executable, "-c", "from unet.parallel.engine import open_comm; open_comm()"],
        capture_output=True,
        text=True,
        env=environment | {"OMPI_COMM_WORLD_SIZE": "3"},
    )
    assert "UsageError: mpirun: 3 ranks were asked for but the MPI library sees 1" in done.stderr


def test_expected_ranks_without_mpirun_are_an_error():
    with pytest.raises(UsageError, match="2 ranks were asked for"):
        open_comm(2, environment={})


def test_several_ranks_without_horovod_are_an_error(monkeypatch):
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(UsageError, match="horovod: not installed"):
        open_comm(environment={"PMI_SIZE": "2"})


def test_horovods_words_mean_a_lost_peer():
    lost = as_peer_lost(RuntimeError("Horovod has been shut down. This was caused by an exception"))
    assert lost is not None
    assert lost.code == 13
    assert as_peer_lost(ValueError("out of range")) is None


def test_solo_returns_copies_of_numbers_in_wide_types():
    assert Solo().allreduce_sum(True).dtype == np.int64
    assert Solo().allreduce_mean(np.float32(1.5)).dtype == np.float64
