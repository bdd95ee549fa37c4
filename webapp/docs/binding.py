"""What a page of `docs/` needs beyond its markdown: links to its neighbours, and headings that can be linked to. Pure.

Text of models may link to other servers alone, and the renderer sees to that. These pages are our own: their links to
each other pass it disguised as foreign ones, and are put right in what it gives.
"""

import posixpath
import re
from collections.abc import Callable, Collection

AWAY = "https://docs.invalid/"
LINK = re.compile(r"\]\((?P<path>[\w./-]+)\.md(?P<place>#[\w-]+)?\)")
HERE = re.compile(r"\]\((?P<place>#[\w-]+)\)")
BOUND = re.compile(rf'<a href="{re.escape(AWAY)}([^"]*)"[^>]*>')
HEADING = re.compile(r"<h(?P<level>[2-6])(?P<more>[^>]*)>(?P<words>.*?)</h(?P=level)>", re.DOTALL)
# A column without a name has no heading: an empty one would be announced.
NAMELESS = re.compile(r"<th([^>]*)></th>")
TAG = re.compile(r"<[^>]+>")


def bound(text: str, name: str, names: Collection[str], render: Callable[[str], str]) -> str:
    """The HTML of a page, whose title is left out; `names` are all there are, and `render` makes HTML of markdown."""
    folder = posixpath.dirname(name)

    def away(link: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(folder, link["path"]))
        # What is not shown here cannot be linked to: the renderer keeps its words.
        return f"]({AWAY}docs/{path}{link['place'] or ''})" if path in names else link[0]

    text = HERE.sub(lambda link: f"]({AWAY}docs/{name}{link['place']})", LINK.sub(away, text))
    html = NAMELESS.sub(r"<td\1></td>", BOUND.sub(r'<a href="/\1">', render(text)))
    return HEADING.sub(_heading, html)


def place_of(words: str) -> str:
    """The name under which forges link to a heading."""
    return re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")


def _heading(found: re.Match[str]) -> str:
    # The renderer keeps the first level for the page around it; here a title stands there already.
    level = max(2, int(found["level"]) - 1)
    return f'<h{level}{found["more"]} id="{place_of(_text(found["words"]))}">{found["words"]}</h{level}>'


def _text(html: str) -> str:
    return TAG.sub("", html).replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">")
