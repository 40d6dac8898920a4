"""Which channels are computed tomography: their values are absolute, others' are not."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from unet.data.case_facts import ChannelFacts

# Abbreviations stand alone or beside digits and underscores (CT1, CT_venous, CE-CT).
SHORT = r"(?<![a-z])(?:(?:ce|nc|ld|hr|cb|md|ms)?cta?|tdm|tac)(?![a-z])"
LONG = (
    *("computed tomograph", "computerized tomograph", "computerised tomograph"),
    *("computertomogra", "tomodensitom", "tomografia comput"),
    *("tomografía comput", "tomografia axial", "hounsfield", "计算机断层", "ct扫描"),
)
"""Parts of the word in English, German, French, Spanish, Italian, Portuguese and Chinese."""
OTHERS = r"(?<![a-z])(?:mri?|t1|t2|t1w|t2w|t1gd|t1ce|flair|adc|dwi|swi|pd|pet|us|spect)(?![a-z])"
AIR = -500.0
"""Hounsfield units that no tissue but lung is below; air is at -1000, and no other scanner's values
are so low."""
LOWEST, HIGHEST = -4100.0, 32_000.0
"""Values of a CT with its extended range and metal lie between."""


def named_ct(name: str) -> bool:
    """Whether a channel's name says CT."""
    text = name.strip().casefold()
    return re.search(SHORT, text) is not None or any(word in text for word in LONG)


def named_otherwise(name: str) -> bool:
    """Whether a channel's name says another modality."""
    return not named_ct(name) and re.search(OTHERS, name.strip().casefold()) is not None


def valued_ct(facts: Sequence[ChannelFacts]) -> bool:
    """Whether the values of a channel, over its cases, are Hounsfield units.

    They are where most cases reach down to air, within the range that a scanner stores.
    """
    if not facts:
        return False
    lows = np.array([channel.percentiles[0] for channel in facts])
    highs = np.array([channel.percentiles[-1] for channel in facts])
    held = (lows >= LOWEST) & (highs <= HIGHEST) & (highs > AIR)
    return bool(np.mean((lows <= AIR) & held) > 0.5)


def is_ct(name: str, facts: Sequence[ChannelFacts]) -> tuple[bool, str]:
    """Whether a channel is CT, and why; a name beats values.

    Args:
        name: of dataset.json.
        facts: of the channel in each case.
    """
    if named_ct(name):
        return True, f"channel {name!r} is CT by its name"
    if not valued_ct(facts):
        return False, f"channel {name!r} is not CT"
    if named_otherwise(name):
        return False, f"channel {name!r} is not CT by its name, though its values reach air's"
    return True, f"channel {name!r} is CT by its values, which reach air's"
