"""A text beside a chat as a file: as it is, or as Markdown, Word, PDF or a web page that stands alone."""

from flask import render_template
from markupsafe import Markup

from webapp.base.errors import Invalid
from webapp.base.words import fence_for
from webapp.chat.messages import renderings
from webapp.knowledge import formats
from webapp.rendering.footnotes import scoped
from webapp.tools.built_in import write_file
from webapp.tools.tool import ToolFailed
from webapp.web.standing_alone import style_and_policy
from webapp.workspace.texts.queries import TextVersion

ENDINGS = {
    "md": "text/markdown",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "pdf": "application/pdf",
    "html": "text/html",
}
# As it is, under its own name.
FILE = "file"


def exported(version: TextVersion, ending: str) -> tuple[str | bytes, str, str]:
    """Returns the content of the file, the ending of its name, and its type."""
    text, own = version.text(), formats.ending(version.name)
    if ending == FILE:
        # Nothing that a browser would run has a type of its own.
        return text, own, "text/plain"
    if ending not in ENDINGS:
        raise Invalid("A text can be exported as Markdown, Word, PDF or a web page.", field="format")
    if ending == "md":
        return markdown_of(version.name, text), ending, ENDINGS[ending]
    if ending == "html":
        return _page(version.name, text), ending, ENDINGS[ending]
    title = formats.stem(version.name)
    try:
        return write_file.document(ending, title, markdown_of(version.name, text))[0], ending, ENDINGS[ending]
    except ToolFailed as failure:
        raise Invalid(failure.message, field="format") from failure


def markdown_of(name: str, text: str) -> str:
    """Returns a text as Markdown: what is code or a table of values, as a block of code."""
    kind = formats.kind_of(name)
    if kind in ("markdown", "text"):
        return text
    fence = fence_for(text)
    return f"{fence}{formats.CODE.get(formats.ending(name), formats.ending(name))}\n{text.rstrip()}\n{fence}\n"


def html_of(name: str, text: str, id: str = "") -> Markup:
    """Returns the text as pages show it, safe; its previews have pages only if it has an id."""
    return Markup(scoped(renderings.render_markdown(markdown_of(name, text)), id))


def _page(name: str, text: str) -> str:
    style, policy = style_and_policy()
    title, html = formats.stem(name), html_of(name, text)
    return render_template("workspace/texts/export.html", title=title, html=html, style=style, policy=policy)
