"""Which label names say left and which right, in the languages that data sets are named in."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Literal

Side = Literal["left", "right"]

# Words in lower case without accents; a trailing * stands for any ending, as in link*: linke,
# linker, links. One-letter and two-letter signs count only where their counterpart is there too.
LEFT = (
    "left lt lh l sx g sin sinist* link* gauch* izq* izda izdo esquerd* esq vanster* venstre* "
    "vasen vasem* lew* lev* sol лев*"
)
RIGHT = (
    "right rt rh r dx d dex dext* rech* rett* droit* der derech* dcha dcho destr* dest direit* dir "
    "hoger* hojre* hoyre* oike* praw* prav* sag прав*"
)
# Written without spaces, so found anywhere in a name.
SIGNS: dict[Side, tuple[str, ...]] = {
    "left": ("左", "왼쪽", "좌측", "يسرى", "أيسر"),
    "right": ("右", "오른쪽", "우측", "يمنى", "أيمن"),
}


def _pattern(words: str) -> re.Pattern[str]:
    return re.compile("|".join(word.replace("*", r"\w*") for word in words.split()))


WORDS: dict[Side, re.Pattern[str]] = {"left": _pattern(LEFT), "right": _pattern(RIGHT)}


def side_pairs(names: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """The pairs of names that differ by left and right alone: (left, right) each.

    Case, accents, separators, the order of words and the place of the side do not matter:
    "Left kidney" pairs with "kidney_R".
    """
    lefts: dict[tuple[str, ...], str] = {}
    rights: dict[tuple[str, ...], str] = {}
    for name in names:
        for side, rest in _readings(name):
            (lefts if side == "left" else rights).setdefault(rest, name)
    pairs = ((left, rights[rest]) for rest, left in lefts.items() if rest in rights)
    return tuple(dict.fromkeys(pair for pair in pairs if pair[0] != pair[1]))


def _readings(name: str) -> Iterable[tuple[Side, tuple[str, ...]]]:
    """Every way to read a name as a side and the rest, its words in order of the alphabet."""
    composed = unicodedata.normalize("NFC", name)
    for side, signs in SIGNS.items():
        for sign in signs:
            if sign in composed:
                yield side, tuple(sorted(_words(composed.replace(sign, " ", 1))))
    words = _words(name)
    for index, word in enumerate(words):
        others = words[:index] + words[index + 1 :]
        for side, pattern in WORDS.items():
            if pattern.fullmatch(word):
                yield side, tuple(sorted(others))
        # LV and RV, LUL and RUL: a side glued to an abbreviation.
        if 2 <= len(word) <= 4 and word[0] in "lr":
            yield "left" if word[0] == "l" else "right", tuple(sorted([*others, word[1:]]))


def _words(name: str) -> list[str]:
    """A name's words in lower case without accents; LeftKidney and kidneyL are two words each."""
    name = name.replace("ø", "o").replace("Ø", "O").replace("ł", "l").replace("Ł", "L")
    plain = unicodedata.normalize("NFKD", name)
    plain = "".join(x for x in plain if not unicodedata.combining(x))
    plain = re.sub(r"(?<=[^\W\d_A-Z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", plain)
    return re.findall(r"[^\W\d_]+|\d+", plain.casefold())
