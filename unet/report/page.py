"""The frame of report.html: style and the little script, all in the one file.

It follows the reader's light or dark setting, reads well on a telephone and in print, and
shows everything without the script, which only sorts the table and enlarges pictures.
"""

from __future__ import annotations

from html import escape
from importlib.resources import files


def page(title: str, lead: str, body: str) -> str:
    """A whole HTML document.

    Args:
        title: plain text.
        lead: HTML, one line below the title.
        body: HTML of the sections.
    """
    here = files("unet.report")
    style = here.joinpath("page.css").read_text(encoding="utf-8")
    script = here.joinpath("page.js").read_text(encoding="utf-8")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{style}</style></head><body>"
        f'<header><h1>{escape(title)}</h1><p class="lead">{lead}</p></header>'
        f"<main>{body}</main><footer>Made by unet. For research only, not for diagnosis."
        f'</footer><dialog aria-label="Enlarged picture"><img alt=""></dialog>'
        f"<script>{script}</script></body></html>\n"
    )
