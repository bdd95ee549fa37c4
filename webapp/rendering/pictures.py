"""Pictures that a text may show: those whose addresses its rendering is given, with their sizes. Pure.

Every other image of a text is a link: loading it would tell a third party that the text was read.
"""

import re
import secrets
from collections.abc import Mapping
from html import escape
from typing import NamedTuple

# Pages show no side longer than this.
MOST_SIDE = 480


class Size(NamedTuple):
    """The size of a picture in pixels."""

    width: int
    height: int

    @property
    def shown(self) -> "Size":
        """The size on a page, which keeps that place free until the picture is loaded."""
        scale = min(1.0, MOST_SIDE / max(self.width, self.height, 1))
        return Size(max(1, round(self.width * scale)), max(1, round(self.height * scale)))


Pictures = Mapping[str, Size]
# A text can contain any character, also as an entity: only what this process has held is drawn.
_KEY = secrets.token_hex(8)
OPEN, CLOSE = f"\ue000picture-{_KEY}-", "\ue001"
HELD = re.compile(f"{OPEN}([0-9a-f]*)-([0-9a-f]*)-([0-9]+)-([0-9]+){CLOSE}")
START = '<span class="pictures">'
MARKUP = (
    START + '<a href="{address}" aria-label="Open {label}"><img src="{address}" alt="{label}" width="{width}" height="{height}"'
    ' loading="lazy" decoding="async"></a></span>'
)


def placeholder(address: str, label: str, size: Size) -> str:
    """Returns the picture in a form that passes the sanitiser unchanged."""
    width, height = size.shown
    return f"{OPEN}{address.encode().hex()}-{label.encode('utf-8', 'replace').hex()}-{width}-{height}{CLOSE}"


def drawn(markup: str) -> str:
    """Inserts held pictures into sanitised markup."""
    return HELD.sub(_drawn, markup) if OPEN in markup else markup


def _drawn(match: re.Match[str]) -> str:
    address, label = (escape(bytes.fromhex(text).decode()) for text in match.group(1, 2))
    return MARKUP.format(address=address, label=label, width=match[3], height=match[4])
