"""When a Job tries its pods again."""

from __future__ import annotations

from support.operator.built import SOURCE, context
from unet_operator.build.evaluation_job import evaluation_job
from unet_operator.build.staging_job import staging_job


def test_retries_are_for_what_trying_again_may_mend():
    for job in (staging_job(context(dataset=SOURCE)), evaluation_job(context(), 1)):
        lost, stopped, fail = job["spec"]["podFailurePolicy"]["rules"]
        assert (lost["action"], stopped["action"]) == ("Ignore", "Ignore")
        assert lost["onPodConditions"][0]["type"] == "DisruptionTarget"
        assert stopped["onExitCodes"] == {"operator": "In", "values": [143]}
        assert (fail["action"], fail["onExitCodes"]["operator"]) == ("FailJob", "In")
        assert set(fail["onExitCodes"]["values"]) == {2, 10, 11, 12, 14}
        assert job["spec"]["backoffLimit"] > 0
