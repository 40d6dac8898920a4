"""What this process really has."""

import os

from unet.system.machine import Machine, this_machine, usable_cores, weakest


def test_omp_num_threads_sets_the_threads():
    assert usable_cores({"OMP_NUM_THREADS": "7"}) == 7
    assert usable_cores({"OMP_NUM_THREADS": "4,1"}) == 4


def test_without_it_the_cores_of_this_process_count():
    assert 1 <= usable_cores({}) <= len(os.sched_getaffinity(0))
    assert usable_cores({"OMP_NUM_THREADS": "many"}) == usable_cores({})


def test_bfloat16_is_read_from_the_cpu_flags(tmp_path):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor: 0\nflags\t\t: fpu avx512_bf16 sse\n")
    assert this_machine(cpuinfo).bfloat16
    cpuinfo.write_text("processor: 0\nflags\t\t: fpu sse\n")
    assert not this_machine(cpuinfo).bfloat16


def test_ranks_of_one_host_share_its_memory_and_cores():
    alone, shared = this_machine(environment={}), this_machine(environment={"MPI_LOCALNRANKS": "2"})
    assert shared.memory_bytes == alone.memory_bytes // 2
    assert 1 <= shared.cores <= alone.cores
    assert usable_cores({"MPI_LOCALNRANKS": "100000"}) == 1
    assert usable_cores({"MPI_LOCALNRANKS": "2", "OMP_NUM_THREADS": "7"}) == 7


def test_ranks_of_unlike_machines_plan_for_the_weakest_of_each_kind():
    one = Machine(cores=8, memory_bytes=2**33, bfloat16=True)
    other = Machine(cores=4, memory_bytes=2**34, bfloat16=False)
    assert weakest([one, other]) == Machine(cores=4, memory_bytes=2**33, bfloat16=False)
