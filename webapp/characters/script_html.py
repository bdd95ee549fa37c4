"""Removes HTML from the replacement of a text script: pages show its words and its collapsible parts. Pure."""

import re

# Possessive, so that unclosed tags take no longer than others.
TAG = re.compile(r"</?([a-zA-Z][\w-]*+)[^<>]*+>|<![^<>]*+>")
UNSEEN = re.compile(r"<!--.*?(?:-->|\Z)|<(style|script|head|title|template|svg)\b.*?(?:</\1\s*>|\Z)", re.DOTALL | re.IGNORECASE)
FENCE = re.compile(r"(```.*?(?:```|\Z))", re.DOTALL)
BLOCKS = {"p", "div", "br", "hr", "li", "ul", "ol", "table", "tr", "h1", "h2", "h3", "h4", "h5", "h6", "section", "center"}
KEPT = {"<details": "\n\n<details>\n", "</details": "\n\n</details>\n\n", "<summary": "<summary>", "</summary": "</summary>\n\n"}
AROUND = re.compile(r"[ \t]*+\n[ \t]*+")
MANY = re.compile(r"\n{3,}")


def without_html(replacement: str) -> str:
    """Returns the replacement as Markdown; code blocks stay as they are, and so does a text without tags."""
    parts = FENCE.split(replacement)
    return "".join(each if number % 2 else _markdown(each) for number, each in enumerate(parts))


def _markdown(html: str) -> str:
    if not TAG.search(html):
        return html
    # Indented lines would become code.
    return MANY.sub("\n\n", AROUND.sub("\n", TAG.sub(_text, UNSEEN.sub("", html)))).strip(" \t")


def _text(found: re.Match[str]) -> str:
    name = (found[1] or "").lower()
    return KEPT.get(f"{'</' if found[0].startswith('</') else '<'}{name}") or ("\n" if name in BLOCKS else "")
