"""One code from the ranks' many."""

from __future__ import annotations

import json

import pytest

from unet.parallel.rank import classify
from unet.parallel.rank_exit_code import MESSAGE_BYTES, Ledger


def ledger(*exits: tuple[int, int], started: int = 3, kills: int = 0) -> Ledger:
    """A ledger of `started` ranks and of exits (rank, return code) in order of time."""
    book = Ledger()
    for rank in range(started):
        book.read(f"event=start rank={rank} host=h{rank}")
    for rank, returncode in exits:
        book.read(classify(returncode, oom_kills=kills, forwarded=None).line(rank))
    return book


@pytest.mark.parametrize(
    ("exits", "code"),
    [
        ([(0, 0), (1, 0), (2, 0)], 0),
        ([(0, 13), (1, 10), (2, 13)], 10),
        ([(0, 13), (1, 11)], 11),
        ([(0, 143), (1, 12)], 12),
        ([(0, 1), (1, 14), (2, 13)], 14),
        ([(0, 143), (1, 143), (2, 143)], 143),
        ([(0, 143), (1, 143), (2, 134)], 143),  # told to stop; one fell on the way out
        ([(0, 1), (1, 143), (2, 13)], 1),  # one crashed and took the others along
        ([(0, 13), (1, 1), (2, 13)], 1),
        ([(1, -9), (0, 13), (2, 13)], 13),
        ([(1, -9)], 13),
        ([(0, 13)], 13),
        ([], 13),
    ],
)
def test_cause_goes_before_consequence(exits, code):
    returncode = 0 if code == 0 else 255
    assert ledger(*exits).verdict(returncode).code == code


def test_killed_only_rank_has_lost_no_peer():
    assert ledger((0, -9), started=1).verdict(255).code == 1


def test_kill_for_memory_beats_the_peers_it_takes_along():
    verdict = ledger((0, 13), (2, -9), kills=1).verdict(255)
    assert (verdict.code, verdict.rank, verdict.cause) == (14, 2, "rank 2: out of memory")


def test_lost_ranks_are_named_with_their_hosts():
    verdict = ledger((0, 0), (1, 0)).verdict(255)
    assert (verdict.cause, verdict.rank) == ("rank 2 on h2 was lost", 2)


def test_when_no_rank_began_mpiexec_is_quoted():
    verdict = Ledger().verdict(255, "Host key verification failed.")
    assert (verdict.code, verdict.cause) == (1, "Host key verification failed.")


def test_message_carries_the_last_progress_and_the_error():
    book = ledger((1, 10))
    for line in (
        "epoch=3/40 step=9/250 loss=0.5 samples_per_s=1",
        "epoch=3/40 loss=0.412 val_dice=0.713",
        "epoch=4/40 step=1/250 loss=nan",
        'event=error code=10 where="imagesTr/a.nii.gz" found="truncated" remedy="download it"',
        "epoch=oddly formed line of a user's own",
    ):
        book.read(line)
    told = json.loads(book.message(book.verdict(255)))
    assert told == {
        "kind": "train",
        "code": 10,
        "cause": "truncated",
        "where": "imagesTr/a.nii.gz",
        "remedy": "download it",
        "rank": 1,
        "epoch": 4,
        "epochs": 40,
        "loss": None,
        "validationDice": 0.713,
        "learned": None,
        "model": None,
    }


def test_message_fits_whatever_was_said():
    book = ledger((0, 10))
    text = "\u4e16" * 5000
    book.read(f"event=error code=10 where={text} found={text} remedy={text}")
    message = book.message(book.verdict(255))
    assert len(message.encode()) <= MESSAGE_BYTES
    assert json.loads(message)["code"] == 10


def test_model_is_what_the_last_rank_says():
    book = ledger((0, 0), (1, 0), (2, 0))
    book.read("event=done code=0 model=model")
    assert json.loads(book.message(book.verdict(0)))["model"] == "model"


@pytest.mark.parametrize(
    ("said", "told"), [("learned=yes", True), ("learned=no", False), ("", None)]
)
def test_whether_the_model_learned_is_in_the_message(said, told):
    book = ledger((0, 0))
    book.read(f"event=done code=0 {said} model=model")
    assert json.loads(book.message(book.verdict(0)))["learned"] is told
