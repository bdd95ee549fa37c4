"""The allow-list for HTML: the one place that decides which markup of a text may reach a browser. Pure.

Class names are closed sets, so that a text cannot imitate the page around it.
"""

import re

import nh3

from webapp.rendering import footnotes, pictures
from webapp.rendering.code import PALETTE
from webapp.rendering.elements import CURSOR
from webapp.rendering.mathematics import drawn
from webapp.rendering.prose import PLAIN

DIRECTED = {"p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "blockquote", "table", "th", "td"}
OTHERS = {
    "pre",
    "code",
    "span",
    "em",
    "strong",
    "s",
    "a",
    "br",
    "hr",
    "thead",
    "tbody",
    "tr",
    "div",
    "header",
    "x-c",
    "time",
    "details",
    "summary",
}
SCHEMES = {"http", "https", "mailto"}
CLASSES = {
    "div": {"code", "table", "table--wide", "seam"},
    "li": {"to-do"},
    "p": {"note"},
    "span": {"task", "task--done", *PALETTE},
    "td": {"center", "end"},
    "th": {"center", "end"},
}
VALUES = {tag: {"dir": {"auto"}} for tag in DIRECTED} | {
    "div": {"tabindex": {"0"}},
    "time": {"data-clock": {""}},
    "pre": {"dir": {"ltr"}, "tabindex": {"0"}},
    "span": {"role": {"img"}, "aria-label": {"done", "to do"}},
}

_cleaner = nh3.Cleaner(
    tags=DIRECTED | OTHERS,
    attributes={"a": {"href", "title"}, "ol": {"start"}, "time": {"datetime"}},
    tag_attribute_values=VALUES,
    allowed_classes=CLASSES,
    url_schemes=SCHEMES,
    url_relative="deny",
    link_rel="noopener noreferrer nofollow ugc",
)
# Paragraphs of plain prose: of these, the sanitizer changes only the quotation marks.
_PROSE = re.compile(rf"(?:<p>{PLAIN}*+(?:&quot;{PLAIN}*+)*+(?:{CURSOR})?+</p>\n)*+")


def clean(markup: str) -> str:
    """Drops all markup except what we render ourselves, but keeps its text; then inserts what is held for after it."""
    if _PROSE.fullmatch(markup):
        return markup.replace("&quot;", '"')
    return sanitized(markup)


def sanitized(markup: str) -> str:
    """Does the work of `clean` for any markup."""
    return pictures.drawn(footnotes.drawn(drawn(_cleaner.clean(markup))))
