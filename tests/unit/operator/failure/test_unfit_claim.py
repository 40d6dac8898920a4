"""What keeps a training from starting, each in words that name the field and the remedy."""

from __future__ import annotations

import pytest
from support.operator.making import NAME, claims, seen, training
from unet_operator.failure.unfit_claim import unfit_claim
from unet_operator.observe.objects import Claim

RWX, RWO, ROX, RWOP = "ReadWriteMany", "ReadWriteOnce", "ReadOnlyMany", "ReadWriteOncePod"
HTTPS = {"https": {"url": "https://example.org/t.tar", "sha256": "a" * 64}}
MADE = f"{NAME}-output"


def template(**fields: object) -> dict:
    """An output that is a claim to create."""
    return {"claimName": None, "volumeClaimTemplate": {"size": "1Gi", **fields}}


def refused(*others: Claim, **changes: dict):
    """The refusal of a training; its claims are in order but for `others`."""
    there = {**claims(), **{claim.name: claim for claim in others}}
    return unfit_claim(training(**changes), seen(claims=there))


def msd(*modes: str, **fields: object) -> Claim:
    """The data set's claim."""
    return Claim("msd", **{"exists": True, "modes": modes or (RWX,), **fields})


def results(*modes: str, **fields: object) -> Claim:
    """The output's claim."""
    return Claim("results", **{"exists": True, "modes": modes or (RWX,), **fields})


def test_two_shared_claims_and_an_image_are_all_it_takes():
    assert refused() is None


@pytest.mark.parametrize(
    ("claim", "reason", "words"),
    [
        (msd(exists=False), "ClaimNotFound", "create it"),
        (msd(deleting=True), "ClaimNotFound", "being deleted"),
        (msd(phase="Lost"), "ClaimLost", "restore it"),
        (msd(RWO), "ClaimNotShareable", "CFS"),
        (msd(RWOP), "ClaimNotShareable", "one pod"),
        (results(exists=False), "ClaimNotFound", "correct the name"),
        (results(deleting=True), "ClaimNotFound", "being deleted"),
        (results(phase="Lost"), "ClaimLost", "restore it"),
        (results(RWO), "ClaimNotShareable", "or one worker"),
        (results(ROX), "ClaimReadOnly", "written to"),
        (results(RWO, ROX), "ClaimNotShareable", "ReadOnlyMany, ReadWriteOnce"),
        (results(RWOP), "ClaimNotShareable", "one pod"),
    ],
)
def test_a_claim_that_will_not_do_is_named_with_its_field_and_the_remedy(claim, reason, words):
    found = refused(claim)
    field = {"msd": "spec.dataset.volume.claimName", "results": "spec.output.claimName"}
    assert found.reason == reason
    assert found.message.startswith(f"{field[claim.name]}: ")
    assert claim.name in found.message
    assert words in found.message


@pytest.mark.parametrize(
    "claim",
    [msd(ROX), msd(RWO, ROX), msd(RWX, RWO), msd(phase="Pending"), results(RWX, RWO)],
)
def test_claims_that_several_nodes_can_share_as_needed_will_do(claim):
    assert refused(claim) is None


@pytest.mark.parametrize("claim", [msd(RWO), results(RWO), msd(RWO, ROX)])
def test_one_worker_may_use_a_claim_of_one_node(claim):
    assert refused(claim, workers={"replicas": 1}) is None


def test_one_worker_may_not_use_a_claim_of_one_pod():
    """Launcher and worker are two."""
    assert refused(results(RWOP), workers={"replicas": 1}).reason == "ClaimNotShareable"


def test_a_data_set_that_is_staged_needs_a_claim_that_can_be_written():
    assert refused(msd(ROX), dataset={"source": HTTPS}).reason == "ClaimReadOnly"
    assert refused(msd(ROX)) is None


def test_the_data_is_looked_at_before_the_output():
    assert "msd" in refused(msd(exists=False), results(exists=False)).message


@pytest.mark.parametrize(
    ("mode", "workers", "reason"),
    [(RWX, 4, None), (RWO, 1, None), (RWO, 2, "ClaimNotShareable")],
)
def test_a_claim_to_create_must_serve_all_workers(mode, workers, reason):
    found = refused(workers={"replicas": workers}, output=template(accessMode=mode))
    assert (found.reason if found else None) == reason


def test_a_claim_made_for_this_training_is_used_again():
    made = Claim(MADE, exists=True, modes=(RWX,), training=NAME)
    assert refused(made, output=template()) is None


@pytest.mark.parametrize("owner", ["", "other"])
def test_a_claim_of_that_name_that_is_another_s_is_not_written_to(owner):
    foreign = Claim(MADE, exists=True, modes=(RWX,), training=owner)
    found = refused(foreign, output=template())
    assert found.reason == "NameTaken"
    assert "spec.output.claimName" in found.message
    assert MADE in found.message


def test_a_made_claim_that_no_longer_serves_all_workers_is_refused():
    made = Claim(MADE, exists=True, modes=(RWO,), training=NAME)
    assert refused(made, output=template()).reason == "ClaimNotShareable"
