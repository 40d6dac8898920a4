"""What one life of a training run works with; each part owns what changes in it."""

from __future__ import annotations

from dataclasses import dataclass

from unet.parallel.comm import Comm
from unet.parallel.fence import Fence
from unet.planning.settings import TrainSettings
from unet.system.json_file import write_model
from unet.system.machine import usable_cores
from unet.system.malloc import keep_freed_memory
from unet.system.progress import Reporter
from unet.system.run_folder import make_folder
from unet.system.signals import Stop
from unet.system.threads import use_threads
from unet.training.augmentation import Augmentation
from unet.training.bad_steps import BadSteps
from unet.training.checkpoint import CheckpointStore
from unet.training.checkpointing import Checkpointing
from unet.training.feed import Feed
from unet.training.finish import FinalModel
from unet.training.learning_rate import peak_for_ranks
from unet.training.pipeline import TrainingData
from unet.training.resume import require_same_settings
from unet.training.run_files import read_plan
from unet.training.step import Trainer
from unet.training.tensorboard import TensorBoardLog
from unet.training.time_budget import TimeBudget
from unet.training.timing import RunTime
from unet.training.validation import Validator, expected_voxels


@dataclass(frozen=True)
class Run:
    """The parts of a run.

    Attributes:
        peak_rate: the learning rate's peak for all ranks.
    """

    config: TrainSettings
    comm: Comm
    reporter: Reporter
    stop: Stop
    data: TrainingData
    trainer: Trainer
    feed: Feed
    peak_rate: float
    validator: Validator
    time: RunTime
    budget: TimeBudget
    checkpoints: Checkpointing
    bad_steps: BadSteps
    tensorboard: TensorBoardLog
    model: FinalModel


def use_machine(config: TrainSettings) -> TrainSettings:
    """Fixes threads and memory of this process, before the ranks first speak by TensorFlow.

    Returns:
        the settings with the number of threads.
    """
    threads = config.threads or usable_cores()
    keep_freed_memory()
    use_threads(threads)
    return config.model_copy(update={"threads": threads})


def take_over_folder(config: TrainSettings, comm: Comm) -> Fence:
    """Makes the run folder, or takes it over from an older attempt; collective.

    Raises:
        UsageError: the folder holds a run of other settings, of which no file is touched then.
        PeerLostError: a newer attempt has it.
        DiskError: it cannot be made or written.
    """
    fence = Fence(config.output, config.attempt)
    if comm.rank == 0:
        make_folder(config.output)
        fence.raise_to_own()
        if config.resume == "auto":
            _require_same_run(config, CheckpointStore(config.output, fence))
        write_model(config.output / "config.json", config)
    comm.barrier()
    return fence


def assemble(
    config: TrainSettings,
    comm: Comm,
    reporter: Reporter,
    stop: Stop,
    fence: Fence,
    data: TrainingData,
    began: float,
) -> Run:
    """Builds the parts of a run, with the network's initial weights.

    Args:
        began: `time.monotonic` when this life began.
    """
    plan = data.plan
    trainer = Trainer(plan.shape, comm, config.seed)
    store = CheckpointStore(config.output, fence)
    run_time = RunTime(began, plan, expected_voxels(data, comm))
    checkpoints = Checkpointing(config, plan, trainer, store, comm, reporter, run_time)
    return Run(
        config=config,
        comm=comm,
        reporter=reporter,
        stop=stop,
        data=data,
        trainer=trainer,
        feed=Feed(
            data.cache,
            data.split.training,
            plan.target,
            plan.patch_size,
            plan.batch_size,
            config.seed,
            comm.rank,
            comm.size,
            Augmentation(mirror_axes=plan.mirror_axes),
            plan.voxel_width,
        ),
        peak_rate=peak_for_ranks(plan),
        validator=Validator(data, comm),
        time=run_time,
        budget=TimeBudget(config.time_budget, plan.validate_every, run_time, comm, config.epochs),
        checkpoints=checkpoints,
        bad_steps=BadSteps(checkpoints, comm, reporter),
        tensorboard=TensorBoardLog(config.output / "tensorboard"),
        model=FinalModel(config.output, data, trainer, store, config.keep),
    )


def _require_same_run(config: TrainSettings, store: CheckpointStore) -> None:
    """Refuses to go on with a run of other settings.

    Raises:
        UsageError: names the first setting that differs.
    """
    read_plan(config.output, config)
    begun = store.newest_settings()
    if begun is not None:
        path, settings = begun
        require_same_settings(str(path), settings, config.identity())
