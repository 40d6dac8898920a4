"""What an attempt said last is known when it ends."""

from __future__ import annotations

from support.operator import making
from unet_operator.api.status import TrainingProgress
from unet_operator.observe.progress import LogReading


def test_a_lost_attempt_tells_the_checkpoint_that_its_log_named_last():
    last = LogReading(progress=TrainingProgress(epoch=3, epochs=9, checkpoint_epoch=2))
    workers = making.job("worker"), making.pod("worker", index=0), making.pod("worker", index=1)
    launcher = making.job("launcher", failed="a pod failed")
    end = making.seen(*workers, launcher, making.failed_launcher(13, cause="peer lost"), log=last)
    status = making.decided(making.running(), end, making.after(60)).status
    assert status.training.checkpoint_epoch == 2
    assert status.message == "peer lost at epoch 3; attempt 2 resumes from epoch 2"
