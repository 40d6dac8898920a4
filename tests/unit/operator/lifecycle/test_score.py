"""The score is what the report said last."""

from __future__ import annotations

from support.operator.making import NAME, UID, decided, job, seen, trained
from support.operator.moments import REST, report_done


def test_the_report_s_last_words_are_the_score():
    decision = decided(trained(), seen(*REST, job("evaluate", complete=True), *report_done()))
    status = decision.status
    assert status.phase == "Succeeded"
    assert status.dice == status.evaluation.mean_dice == 0.861
    assert status.evaluation.mean_dice_interval == [0.83, 0.89]
    assert status.evaluation.dice_per_region == {"whole-tumour": 0.861}
    assert status.evaluation.cases == 36
    assert status.evaluation.report == f"{NAME}-{UID[:8]}/evaluation-1/report.html"
    assert "mean Dice 0.8610 over 36 cases" in status.message
    assert "kubectl logs job/brain-report-1" in status.message
    assert [e.reason for e in decision.events] == ["Succeeded"]


def test_a_report_whose_pod_is_gone_still_ends_well_and_says_where_to_look():
    decision = decided(
        trained(), seen(*REST, job("evaluate", complete=True), job("report", complete=True))
    )
    assert decision.status.phase == "Succeeded"
    assert "evaluation-1/report.html" in decision.status.message
