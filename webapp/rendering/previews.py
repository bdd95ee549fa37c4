"""Previews of code blocks: web pages, SVG images and diagrams that a text contains. Pure."""

import json
import re
from html import escape

from markdown_it.rules_core import StateCore

from webapp.rendering.tail import is_open

PREVIEWED = {"html": "html", "htm": "html", "svg": "svg", "mermaid": "mermaid"}
MAX_CHARS = 200_000
# An SVG is centred, on the white background that it was drawn for.
FRAME = (
    "<!doctype html><style>html{{background:#fff}}body{{margin:16px;text-align:center}}"
    "svg{{max-width:100%;max-height:calc(100vh - 32px)}}</style>{}"
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
}
# The limit beyond which Mermaid refuses to draw.
MOST_DIAGRAM_CHARS = 50_000
# The page shows the diagram's source if scripts are off or drawing fails.
DIAGRAM = """<!doctype html><meta charset="utf-8"><title>Diagram</title><meta name="viewport" content="width=device-width">
<style>:root{{color-scheme:light dark}}
html{{background:light-dark(#fcfaf6,#11171b);color:light-dark(#192026,#e6e4df)}}
body{{margin:16px;font:16px/1.5 system-ui,sans-serif}}
svg{{display:block;margin:auto;max-width:100%}}pre{{overflow:auto;font-size:14px}}</style>
<p id="said" role="status">{said} Here is its source.</p>
<div id="drawn"></div><pre id="source" tabindex="0">{source}</pre>{scripts}"""
STARTER = """<script nonce="{nonce}">document.getElementById("said").textContent = "Drawing the diagram…";</script>
<script src="{script}"></script><script nonce="{nonce}">
(async () => {{
  const [said, drawn, source] = ["said", "drawn", "source"].map((id) => document.getElementById(id));
  try {{
    const darkMode = matchMedia("(prefers-color-scheme: dark)").matches;
    const plain = {{ darkMode, fontFamily: "system-ui, sans-serif", useGradient: false, dropShadow: "none" }};
    const themeVariables = {{ ...plain, ...{colours}[darkMode ? "dark" : "light"] }};
    mermaid.initialize({{
      startOnLoad: false, securityLevel: "strict", suppressErrorRendering: true, theme: "base", themeVariables,
    }});
    drawn.innerHTML = (await mermaid.render("diagram", source.textContent)).svg;
    source.hidden = said.hidden = true;
  }} catch (error) {{
    said.textContent = "This diagram couldn't be drawn. Here is its source.";
  }}
}})();
</script>"""


def number_blocks(state: StateCore) -> None:
    """The core rule that numbers the code blocks of a text, and marks the complete ones that have a preview."""
    number = state.env.get("blocks", 0)
    for token in state.tokens:
        if token.type not in {"fence", "code_block"}:
            continue
        token.meta["blocks"] = 1
        if token.type == "fence" and language(token.info) and len(token.content) <= MAX_CHARS and not is_open(token):
            token.meta["preview"] = number
        number += 1
    state.env["blocks"] = number


def language(info: str) -> str:
    """Returns the preview type of a code block; empty if it has no preview."""
    return PREVIEWED.get((info.split() or [""])[0].lower(), "")


def document(kind: str, content: str, *, is_run: bool = False) -> str:
    """Returns the HTML document for the preview's iframe; with `is_run`, one whose scripts are meant to run."""
    safe = REACHING.sub(lambda match: f"{match[0][:-1]}-off", content)
    return FRAME.format(safe) if kind == "svg" else f"<!doctype html>{GUARD if is_run else ''}{safe}"


def diagram(content: str, *, script: str, nonce: str) -> str:
    """Returns the document for the preview's iframe that draws a diagram with the script at this URL."""
    is_long = len(content) > MOST_DIAGRAM_CHARS
    status = "This diagram is too long to be drawn." if is_long else "This diagram needs JavaScript."
    scripts = "" if is_long else STARTER.format(script=escape(script), nonce=nonce, colours=json.dumps(DIAGRAM_COLOURS))
    return DIAGRAM.format(said=status, source=escape(content), scripts=scripts)
