"""Previews of what a text contains: web pages, SVG images, diagrams and tables. Pure."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape, unescape
from typing import Literal, NamedTuple

from markdown_it.rules_core import StateCore

from webapp.rendering.tail import is_open

PREVIEWED = {"html": "html", "htm": "html", "svg": "svg", "mermaid": "mermaid", "csv": "table"}
# What one without a title is called.
NAMES = {"html": "Page", "svg": "Drawing", "mermaid": "Diagram", "table": "Table"}
MAX_CHARS = 200_000
# An SVG is in the middle, on the white background that it was drawn for; around it is the page, dark in the dark.
FRAME = (
    "<!doctype html><style>html{{color-scheme:light dark}}body{{margin:16px;text-align:center}}"
    "body{{min-height:calc(100vh - 32px);align-content:center}}"
    "svg{{max-width:100%;max-height:calc(100vh - 32px);vertical-align:top}}"
    "svg{{color-scheme:light;background:#fff;color:#000}}</style>{}"
)
# No policy covers what these do: links look up names and open connections, and `http-equiv` can turn that on again.
REACHING = re.compile(r"<link(?=[\s/>])|http-equiv|shadowrootmode", re.I)
# Runs before the scripts of a page. No policy closes WebRTC, so it is taken away, and so is what could bring it back: frames, and
# the ways to make elements that the observer doesn't see.
GUARD = """<script>{
const without = (object, ...names) => names.forEach((name) => Object.defineProperty(object, name, { value: undefined }));
without(window, "RTCPeerConnection", "webkitRTCPeerConnection");
without(Document.prototype, "write", "writeln", "open");
without(Document, "parseHTMLUnsafe");
without(Element.prototype, "attachShadow", "setHTMLUnsafe");
const frames = "iframe, frame, object, embed, fencedframe";
new MutationObserver((changes) => changes.forEach(({ addedNodes }) => addedNodes.forEach((node) => {
  if (node.matches?.(frames)) node.remove();
  node.querySelectorAll?.(frames).forEach((each) => each.remove());
}))).observe(document, { childList: true, subtree: true });
}</script>"""
# Our tokens in both themes, as Mermaid reads only sRGB: paper, ink, lines, and washes of water, moss, clay and amber.
DIAGRAM_COLOURS = {
    "light": {
        "background": "#fcfaf6",
        "edgeLabelBackground": "#fcfaf6",
        "textColor": "#192026",
        "lineColor": "#485158",
        "primaryColor": "#ddf1f6",
        "primaryTextColor": "#192026",
        "primaryBorderColor": "#00667c",
        "secondaryColor": "#e2f3e0",
        "tertiaryColor": "#fee8db",
        "nodeBorder": "#00667c",
        "clusterBkg": "#f5f3ef",
        "clusterBorder": "#7e888d",
        "noteBkgColor": "#fcf1de",
        "noteTextColor": "#192026",
        "noteBorderColor": "#88520c",
    },
    "dark": {
        "background": "#11171b",
        "edgeLabelBackground": "#11171b",
        "textColor": "#e6e4df",
        "lineColor": "#a9b3b6",
        "primaryColor": "#122d36",
        "primaryTextColor": "#e6e4df",
        "primaryBorderColor": "#6fcbda",
        "secondaryColor": "#1f2d1c",
        "tertiaryColor": "#372419",
        "nodeBorder": "#6fcbda",
        "clusterBkg": "#181f24",
        "clusterBorder": "#6e7981",
        "noteBkgColor": "#2e2112",
        "noteTextColor": "#e6e4df",
        "noteBorderColor": "#ebb76c",
    },
    # In high contrast, besides.
    "light-more": {
        "background": "#ffffff",
        "edgeLabelBackground": "#ffffff",
        "textColor": "#030609",
        "lineColor": "#232a2f",
        "primaryTextColor": "#030609",
        "primaryBorderColor": "#005168",
        "nodeBorder": "#005168",
        "clusterBkg": "#f8f7f4",
        "clusterBorder": "#3e4a51",
        "noteTextColor": "#030609",
        "noteBorderColor": "#633a04",
    },
    "dark-more": {
        "background": "#030609",
        "edgeLabelBackground": "#030609",
        "textColor": "#fdfcf9",
        "lineColor": "#d7e0e3",
        "primaryTextColor": "#fdfcf9",
        "primaryBorderColor": "#9adfe7",
        "nodeBorder": "#9adfe7",
        "clusterBkg": "#0b1014",
        "clusterBorder": "#b2c0c9",
        "noteTextColor": "#fdfcf9",
        "noteBorderColor": "#fbd094",
    },
}
# The limit beyond which Mermaid refuses to draw.
MOST_DIAGRAM_CHARS = 50_000
# How high a drawing gets is estimated: its place is reserved before it is drawn, so that nothing below it moves.
HEIGHTS = ((14, "small"), (24, "medium"))
SIZE = re.compile(r'<svg\b[^>]{0,800}?\sviewBox="\s*[\d.-]+[\s,]+[\d.-]+[\s,]+([\d.]+)[\s,]+([\d.]+)\s*"', re.I)
SVG_TAG = re.compile(r"<svg\b[^>]{0,2000}", re.I)
SIDEWAYS = re.compile(r"(?:graph|flowchart)\s+(?:LR|RL)\b|timeline\b|journey\b|gitGraph\b", re.I)
# In rem: what each line of a diagram adds, by its first word, and what all have.
PLOTS = ("pie", "xychart-beta", "quadrantChart", "mindmap")
LINE_HEIGHTS = {"sequenceDiagram": 3.4, "gantt": 2.0} | dict.fromkeys(PLOTS, 0.0)
LINE_HEIGHT, LEAST_HEIGHT, PLOT_HEIGHT, WIDTH = 4.5, 8.0, 20.0, 44.0
# A diagram in a message fits the width of the text, also on a phone. However large it is, its words are at least this share of
# their size: it is then scrolled.
LEAST_SCALE = 0.5
FITTED = (
    "body{margin:8px}#download{display:none}svg{max-height:calc(100vh - 16px);"
    f"min-width:calc({LEAST_SCALE}*var(--width));min-height:calc({LEAST_SCALE}*var(--height))}}"
    "#drawn:not(:empty){display:grid;min-height:calc(100vh - 16px);align-items:center}"
)
# The page shows the diagram's source if scripts are off or drawing fails.
DIAGRAM = """<!doctype html><meta charset="utf-8"><title>Diagram</title><meta name="viewport" content="width=device-width">
<style>:root{{color-scheme:{scheme};--light:#fcfaf6;--dark:#11171b}}
@media {more}{{:root{{--light:#fff;--dark:#030609}}}}
html{{background:light-dark(var(--light),var(--dark));color:light-dark(#192026,#e6e4df)}}
body{{margin:16px;font:16px/1.5 system-ui,sans-serif}}
svg{{display:block;margin:auto;max-width:100%}}pre{{overflow:auto;font-size:14px}}
#download{{display:block;padding:12px;color:inherit;text-align:center}}[hidden]{{display:none!important}}{fit}</style>
<p id="said" role="status">{said} Here is its source.</p>
<div id="drawn"></div><a id="download" download="diagram.svg" hidden>Download as SVG</a>
<pre id="source" tabindex="0">{source}</pre>{scripts}"""
STARTER = """<script nonce="{nonce}">document.getElementById("said").textContent = "Drawing the diagram…";</script>
<script src="{script}"></script><script nonce="{nonce}">
(async () => {{
  const [said, drawn, source] = ["said", "drawn", "source"].map((id) => document.getElementById(id));
  try {{
    const darkMode = {is_dark} ?? matchMedia("(prefers-color-scheme: dark)").matches;
    const scheme = darkMode ? "dark" : "light", more = matchMedia("{more}").matches ? "-more" : "", colours = {colours};
    const plain = {{ darkMode, fontFamily: "system-ui, sans-serif", useGradient: false, dropShadow: "none" }};
    const themeVariables = {{ ...plain, ...colours[scheme], ...colours[scheme + more] }};
    mermaid.initialize({{
      startOnLoad: false, securityLevel: "strict", suppressErrorRendering: true, theme: "base", themeVariables,
    }});
    drawn.innerHTML = (await mermaid.render("diagram", source.textContent)).svg;
    source.hidden = said.hidden = true;
    const {{ width, height }} = drawn.firstElementChild.viewBox.baseVal;
    drawn.style.cssText = `--width: ${{width}}px; --height: ${{height}}px`;
    const file = new XMLSerializer().serializeToString(drawn.firstElementChild), link = document.getElementById("download");
    link.href = `data:image/svg+xml;charset=utf-8,${{encodeURIComponent(file)}}`;
    link.hidden = false;
  }} catch (error) {{
    said.textContent = "This diagram couldn't be drawn. Here is its source.";
  }}
}})();
</script>"""


@dataclass(frozen=True, slots=True)
class DiagramLook:
    """How a diagram is drawn: `light`, `dark` or as the system has it; fitted to the height of its frame, or as high as it is."""

    scheme: Literal["", "light", "dark"] = ""
    has_contrast: bool = False
    is_fitted: bool = False


NO_LOOK = DiagramLook()


class PreviewSource(NamedTuple):
    """What has a preview: its kind, its source (of a table, as CSV), and the heading above it, as Markdown."""

    kind: str
    content: str
    heading: str = ""


# A version has this share of the lines of the one before it.
SHARED_LINES = 0.5
# Of a page or an image its `<title>`, of a diagram its `title`; of a page without one, its `<h1>`.
TITLES = {
    "html": re.compile(r"<title\b[^>]{0,200}>([^<]{1,300})</title", re.I),
    "svg": re.compile(r"<title\b[^>]{0,200}>([^<]{1,300})</title", re.I),
    "mermaid": re.compile(r"^[ \t]*(?:pie[ \t]+(?:showData[ \t]+)?)?title:?[ \t]+([^\n]{1,300})", re.M),
}
H1, TAG = re.compile(r"<h1\b[^>]{0,200}>", re.I), re.compile(r"<[^>]{0,200}>")
# A title stands at the beginning, except that of a page with scripts before it.
TITLE_READS_CHARS, MAX_HEADLINE_CHARS, MAX_TITLE_CHARS = 20_000, 600, 120


def number_blocks(state: StateCore) -> None:
    """The core rule that numbers the blocks of code and the tables of a text, and marks the complete ones with a preview."""
    number, table = state.env.get("blocks", 0), 0
    for token in state.tokens:
        if token.type == "table_close":
            token.meta["preview"] = table
        if token.type not in {"fence", "code_block", "table_open"}:
            continue
        token.meta["blocks"] = 1
        if token.type == "table_open":
            token.meta["preview"] = table = number
        if token.type == "fence" and language(token.info) and len(token.content) <= MAX_CHARS and not is_open(token):
            token.meta |= {"preview": number, "link": link_kind(token.info, token.content)}
        number += 1
    state.env["blocks"] = number


def own_title(preview: PreviewSource) -> str:
    """Returns the title that a page, an image or a diagram has in its source; empty without one."""
    match = TITLES[preview.kind].search(preview.content, 0, TITLE_READS_CHARS) if preview.kind in TITLES else None
    words = match[1] if match else _headline(preview.content) if preview.kind == "html" else ""
    return " ".join(unescape(words).split())[:MAX_TITLE_CHARS].strip("\"'")


def _headline(page: str) -> str:
    opening = H1.search(page, 0, TITLE_READS_CHARS)
    words, end, _ = page[opening.end() : opening.end() + MAX_HEADLINE_CHARS].partition("</h1") if opening else ("", "", "")
    return TAG.sub("", words) if end else ""


def versions(previews: Sequence[PreviewSource], place: int, messages: Sequence[int] = ()) -> list[int]:
    """Returns the places of the versions of one of these previews, which are in the order in which they were written.

    Each is a version of the last thing before it that it continues: one of its kind with the same title, which of a table are
    its headings, or with at least half of the same lines. `messages` has the number of the message of each, as two of one
    message are no versions of each other, but in their order those of two before.
    """
    messages = messages or range(len(previews))
    things: list[list[int]] = []
    looks = [(preview.kind, _title(preview), _lines(preview.content)) for preview in previews]
    for at, look in enumerate(looks):
        others = [thing for thing in things if messages[thing[-1]] != messages[at]]
        latest_first = sorted(others, key=lambda thing: -messages[thing[-1]])
        if thing := next((thing for thing in latest_first if _continues(looks[thing[-1]], look)), None):
            thing.append(at)
        else:
            things.append([at])
    return next(thing for thing in things if place in thing)


def _continues(before: tuple[str, str, frozenset[str]], after: tuple[str, str, frozenset[str]]) -> bool:
    (kind, title, lines), (own_kind, own_title, own_lines) = before, after
    if kind != own_kind:
        return False
    return title == own_title != "" or len(lines & own_lines) >= SHARED_LINES * max(len(lines), len(own_lines), 1)


def _title(preview: PreviewSource) -> str:
    return preview.content.partition("\n")[0].strip() if preview.kind == "table" else own_title(preview)


def _lines(content: str) -> frozenset[str]:
    return frozenset(line.strip() for line in content.splitlines() if line.strip())


def language(info: str) -> str:
    """Returns the kind of preview that a code block has; empty if it has no preview."""
    return PREVIEWED.get((info.split() or [""])[0].lower(), "")


def link_kind(info: str, content: str) -> str:
    """Returns which link to its preview a code block has: `view`, or the height of what is drawn at once."""
    kind = language(info)
    if kind in ("html", "table") or len(content) > MOST_DIAGRAM_CHARS:
        return "view"
    rem = _svg_height(content) if kind == "svg" else _diagram_height(content)
    return next((height for most, height in HEIGHTS if rem <= most), "large")


def _svg_height(content: str) -> float:
    match = SIZE.search(content, 0, 1_000)
    width, height = map(_size, match.groups()) if match else (0.0, 0.0)
    # Its width is at most that of the text.
    return min(WIDTH, width / 16) * height / width if width else PLOT_HEIGHT


def _size(digits: str) -> float:
    try:
        return float(digits)
    except ValueError:
        return 0.0


def _diagram_height(content: str) -> float:
    lines = [line for line in content.splitlines() if line.strip() and not line.lstrip().startswith("%%")]
    first, *_ = [*lines[0].split(), ""] if lines else [""]
    if lines and SIDEWAYS.match(lines[0].strip()):
        return HEIGHTS[0][0]
    return max(PLOT_HEIGHT * (first in PLOTS), LEAST_HEIGHT + LINE_HEIGHTS.get(first, LINE_HEIGHT) * (len(lines) - 1))


def document(kind: str, content: str, *, is_run: bool = False) -> str:
    """Returns the HTML document for the preview's iframe; with `is_run`, one whose scripts are meant to run."""
    safe = REACHING.sub(lambda match: f"{match[0][:-1]}-off", content)
    return FRAME.format(safe) if kind == "svg" else f"<!doctype html>{GUARD if is_run else ''}{safe}"


def svg_file(content: str) -> str:
    """Returns a drawing as a file that stands alone: pages need no namespace, programs that open SVG files do."""
    opening = SVG_TAG.search(content)
    if not opening or "xmlns=" in opening[0]:
        return content
    return f'{content[: opening.start()]}<svg xmlns="http://www.w3.org/2000/svg"{content[opening.start() + len("<svg") :]}'


def diagram(content: str, *, script: str, nonce: str, look: DiagramLook = NO_LOOK) -> str:
    """Returns the document for the preview's iframe that draws a diagram with the script at this URL."""
    is_long = len(content) > MOST_DIAGRAM_CHARS
    status = "This diagram is too long to be drawn." if is_long else "This diagram needs JavaScript."
    more = "all" if look.has_contrast else "(prefers-contrast: more)"
    starter = STARTER.format(
        script=escape(script),
        nonce=nonce,
        colours=json.dumps(DIAGRAM_COLOURS),
        more=more,
        is_dark=json.dumps(look.scheme == "dark" if look.scheme else None),
    )
    return DIAGRAM.format(
        said=status,
        source=escape(content),
        scripts="" if is_long else starter,
        scheme=look.scheme or "light dark",
        more=more,
        fit=FITTED if look.is_fitted else "",
    )
