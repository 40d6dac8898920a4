"""The operator's one rhythm for what no watch reports."""

from __future__ import annotations

LOOK_SECONDS = 15.0
"""Seconds between two looks at what no watch reports (claims, warnings, the launcher's log),
and between two writes of progress alone.  It is the interval of the ranks' progress lines
(docs/contract.md): looking more often would find nothing new. `Settings.look_seconds`
shortens it where a test sees to what changes meanwhile."""
