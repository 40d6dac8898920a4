"""The mpirun line: what the user chose, what the plan may choose, and nothing read by a shell."""

from __future__ import annotations

import itertools
import json

from support.operator.built import containers, context
from unet_operator.api.status import Reduced, Status
from unet_operator.build.config_map import config_map
from unet_operator.build.launcher_job import launcher_job


def launch_words(subject, attempt=1, replicas=2):
    """The launcher's arguments, parsed from the ConfigMap as the image does."""
    return json.loads(config_map(subject, attempt, replicas)["data"]["launch.json"])


def test_the_launcher_starts_a_rank_on_every_slot():
    words = launch_words(context(workers={"slotsPerWorker": 3}))
    assert words[words.index("--ranks") + 1] == "6"
    assert words[words.index("--ppn") + 1] == "3"


def test_what_is_left_to_the_plan_is_left_out():
    words = launch_words(context())
    assert not {"--batch-size", "--patch-size", "--precision", "--learning-rate"} & set(words)


def test_what_the_user_chose_is_passed_on():
    words = launch_words(
        context(
            dataset={"channels": ["FLAIR", "T1w"], "region": "whole-tumour"},
            training={
                "epochs": 7,
                "batchSize": 2,
                "patchSize": "64,64,64",
                "learningRate": 0.001,
                "precision": "float32",
                "extraArgs": ["--checkpoint-minutes=1"],
            },
            mpi={"args": ["-print-rank-map"], "env": [{"name": "I_MPI_DEBUG", "value": "5"}]},
        )
    )
    pairs = dict(itertools.pairwise(words))
    assert pairs["--channels"] == "FLAIR,T1w"
    assert pairs["--region"] == "whole-tumour"
    assert pairs["--epochs"] == "7"
    assert pairs["--batch-size"] == "2"
    assert pairs["--patch-size"] == "64,64,64"
    assert pairs["--learning-rate"] == "0.001"
    assert words[-1] == "--checkpoint-minutes=1"
    assert "--mpi-arg=-print-rank-map" in words[: words.index("--")]
    assert "--genv=I_MPI_DEBUG=5" in words[: words.index("--")]


def test_a_time_budget_decides_the_epochs():
    words = launch_words(context(training={"epochs": 7, "timeBudget": "1h30m"}))
    assert words[words.index("--time-budget") + 1] == "1h30m"
    assert "--epochs" not in words


def test_labels_are_passed_as_numbers():
    words = launch_words(context(dataset={"labels": [1, 3]}))
    assert words[words.index("--labels") + 1] == "1,3"


def test_after_a_lack_of_memory_the_reduced_sizes_win():
    status = Status(reduced=Reduced(batch_size=1, patch_size="64,64,64"))
    words = launch_words(context(status, training={"batchSize": 8, "patchSize": "128,128,128"}))
    pairs = dict(itertools.pairwise(words))
    assert (pairs["--batch-size"], pairs["--patch-size"]) == ("1", "64,64,64")


def test_a_shell_or_kubernetes_never_reads_the_user_s_words():
    nasty = "$(HOME); rm -rf / `id`"
    words = launch_words(context(training={"extraArgs": [nasty]}))
    assert words[-1] == nasty
    subject = context(pods={"env": [{"name": "X", "value": nasty}]})
    (variable,) = [v for v in containers(launcher_job(subject, 1))[1]["env"] if v["name"] == "X"]
    assert variable["value"].startswith("$$(HOME)")


def test_variables_of_ranks_come_in_the_order_of_their_sources_each_once():
    subject = context(
        pods={"env": [{"name": "B", "value": "pod"}, {"name": "A", "value": "pod"}]},
        mpi={"env": [{"name": "C", "value": "mpi"}, {"name": "B", "value": "mpi"}]},
    )
    words = [word for word in launch_words(subject) if word.startswith("--genv=")]
    variables = [word.removeprefix("--genv=").split("=", 1) for word in words]
    order = [name for name, _ in variables]
    assert order[-3:] == ["B", "A", "C"]
    assert len(order) == len(set(order))
    assert dict(variables)["B"] == "mpi"


def test_a_value_with_every_kind_of_mark_reaches_the_rank_as_it_is():
    nasty = "a b=c,d;e|f&g $(HOME) ${HOME} `id` 'x' \"y\" \\ \n % 大脑"
    words = launch_words(context(mpi={"env": [{"name": "X", "value": nasty}]}))
    assert f"--genv=X={nasty}" in words
