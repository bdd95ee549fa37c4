"""Renders the elements whose HTML differs from plain CommonMark. Pure.

The environment of a rendering can have a function `highlight`; without it code remains plain, as in text that is still growing.
"""

from collections.abc import Sequence
from html import escape

from markdown_it import MarkdownIt
from markdown_it.common.utils import unescapeAll
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

from webapp.rendering.footnotes import placeholder as held_link
from webapp.rendering.mathematics import placeholder
from webapp.rendering.pictures import placeholder as held_picture
from webapp.rendering.tabular import table_of

# Marks where plain text can be appended without rendering the tail again.
CURSOR = "<x-c></x-c>"
MAX_LANGUAGE_CHARS = 30
# The tabindex makes scrollable elements reachable with the keyboard.
CODE = '<div class="code"><header><span>{}</span>{}</header><pre dir="ltr" tabindex="0"><code>{}</code></pre></div>\n'
TABLE = '<div class="table{}" tabindex="0">'
# From this number on, columns that divide the available width would be too narrow.
WIDE_COLUMNS = 4
# CSV is shown as a table, with its source folded below it, unless it is larger than this.
LEAST_COLUMNS, MAX_CELLS = 2, 1_000
SOURCE = "<details><summary>Source</summary>\n{}</details>\n"
TASKS = {
    True: '<span class="task task--done" role="img" aria-label="done">☑\ufe0e</span> ',
    False: '<span class="task" role="img" aria-label="to do">☐</span> ',
}


def use_our_elements(markdown: MarkdownIt) -> None:
    """Adds this module's render rules to the parser."""
    for rule in (_fence, _code_block, _table_open, _table_close, _image, _task, _definition, _formula):
        markdown.add_render_rule(rule.__name__[1:], rule)


def _fence(self: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
    token = tokens[index]
    language, *_ = [*unescapeAll(token.info).split(), ""]
    highlight = env.get("highlight")
    markup = highlight(token.content, language) if highlight else escape(token.content, quote=False)
    if highlight and "preview" in token.meta and language.lower() == "csv" and (rows := _rows(token.content)):
        source = CODE.format(escape(language), "", markup)
        return f"{rows}{held_link('table', str(token.meta['preview']))}\n{SOURCE.format(source)}"
    view = held_link(token.meta["link"], str(token.meta["preview"])) if "preview" in token.meta else ""
    return CODE.format(escape(language[:MAX_LANGUAGE_CHARS] or "text"), view, markup + token.meta.get("cursor", ""))


def _rows(content: str) -> str:
    """Returns CSV as a table; empty if it is none, or a large one."""
    table = table_of(content)
    if table.is_cut or len(table.head) < LEAST_COLUMNS or not table.rows or len(table.head) * len(table.rows) > MAX_CELLS:
        return ""
    ends = [' class="end"' if place in table.numeric else "" for place in range(len(table.head))]
    head, *body = (
        "".join(f'<{tag} dir="auto"{end}>{escape(cell)}</{tag}>' for end, cell in zip(ends, row, strict=True))
        for tag, row in (("th", table.head), *(("td", row) for row in table.rows))
    )
    opening = TABLE.format(" table--wide" if len(ends) >= WIDE_COLUMNS else "")
    lines = "".join(f"<tr>{row}</tr>\n" for row in body)
    return f"{opening}<table>\n<thead><tr>{head}</tr></thead>\n<tbody>{lines}</tbody></table></div>\n"


def _code_block(self: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
    return CODE.format("text", "", escape(tokens[index].content, quote=False))


def _table_open(self: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
    # The first three tokens open the table, its head and the row; a cell is three tokens, and no table has body cells before
    # its head.
    heads = [token for token in tokens[index : index + 3 + 3 * WIDE_COLUMNS] if token.type == "th_open"]
    return TABLE.format(" table--wide" if len(heads) >= WIDE_COLUMNS else "") + self.renderToken(tokens, index, options, env)


def _table_close(self: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
    # Not in text that is still growing: its table is sent again with each row.
    view = held_link("table", str(tokens[index].meta["preview"])) if "highlight" in env else ""
    return f"</table></div>\n{view}"


def _image(self: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
    """Renders a picture that the text may show, and any other image as a link that names its host.

    Loading the image would reveal to a third party that the text was read, and anything that the image's URL contains.
    """
    image = tokens[index]
    label = self.renderInlineAsText(image.children, options, env) or "image"
    if size := image.meta.get("size"):
        return held_picture(str(image.attrGet("src")), label, size)
    host = image.meta.get("host")
    if not host:
        return escape(label)
    shown = f"{escape(label)} (image on {escape(host)})"
    return shown if image.hidden else f'<a href="{escape(str(image.attrGet("src")))}">{shown}</a>'


def _task(self: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
    return TASKS[tokens[index].meta["done"]]


def _formula(self: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
    return placeholder(tokens[index].content, is_display=tokens[index].meta["display"])


def _definition(self: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
    return ""
