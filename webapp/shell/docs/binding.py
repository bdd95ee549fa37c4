"""Adds to a rendered page of `docs/` the links between pages, and anchors on its headings. Pure.

The renderer lets links lead only to other servers, because models write most texts. The pages of `docs/` are trusted: their
links to each other are disguised as external links for the renderer, and restored in its HTML.
"""

import posixpath
import re
from collections.abc import Callable, Collection

AWAY = "https://docs.invalid/"
LINK = re.compile(r"\]\((?P<path>[\w./-]+)\.md(?P<place>#[\w-]+)?\)")
HERE = re.compile(r"\]\((?P<place>#[\w-]+)\)")
BOUND = re.compile(rf'<a href="{re.escape(AWAY)}([^"]*)"[^>]*>')
HEADING = re.compile(r"<h(?P<level>[2-6])(?P<more>[^>]*)>(?P<words>.*?)</h(?P=level)>", re.DOTALL)
# A column without a name gets no `th`, because screen readers would announce an empty header.
NAMELESS = re.compile(r"<th([^>]*)></th>")
TAG = re.compile(r"<[^>]+>")


def bound(text: str, name: str, names: Collection[str], render: Callable[[str], str]) -> str:
    """Returns a page's HTML without its title; `names` are all pages, and `render` converts Markdown to HTML."""
    folder = posixpath.dirname(name)

    def away(link: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(folder, link["path"]))
        # A page that is not in the app can't be linked to; the renderer keeps only the link's text.
        return f"]({AWAY}docs/{path}{link['place'] or ''})" if path in names else link[0]

    text = HERE.sub(lambda link: f"]({AWAY}docs/{name}{link['place']})", LINK.sub(away, text))
    html = NAMELESS.sub(r"<td\1></td>", BOUND.sub(r'<a href="/\1">', render(text)))
    return HEADING.sub(_heading, html)


def place_of(words: str) -> str:
    """Returns the anchor that GitHub and other forges generate for a heading."""
    return re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")


def _heading(found: re.Match[str]) -> str:
    # The renderer starts at the second level, because the first is the title of the page around it. This page has its title
    # there, so its headings move up.
    level = max(2, int(found["level"]) - 1)
    return f'<h{level}{found["more"]} id="{place_of(_text(found["words"]))}">{found["words"]}</h{level}>'


def _text(html: str) -> str:
    return TAG.sub("", html).replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">")
