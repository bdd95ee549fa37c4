"""Makes a Word or PDF file of Markdown, in a child process: headings, lists, tables, quotes, code and links.

The fonts of PDF files are those of the pages. They have Latin, Greek and Cyrillic letters; other characters are left out, and
the caller is told which.
"""

import json
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import IO, Any, Literal, cast

from docx import Document
from docx.opc.constants import RELATIONSHIP_TYPE
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Pt
from fpdf import FPDF
from fpdf.fonts import TTFFont
from markdown_it import MarkdownIt
from markdown_it.token import Token

BlockKind = Literal["heading", "paragraph", "item", "quote", "code", "table", "rule"]
MOST_LEVEL, MOST_NAMED = 6, 12
FONTS = Path(__file__).parents[3] / "static" / "vendor" / "fonts"
STYLES = ("B", "I", "BI")
# What is written besides the text.
PLAIN = "•.0123456789"
# The scripts of the font files, in the order in which a character is looked for.
SCRIPTS = ("latin", "latin-ext", "greek", "cyrillic", "cyrillic-ext", "vietnamese")
HEADING_POINTS, POINTS, LINE = (20, 16, 14, 12, 11, 11), 11, 5.4
# A PDF of which more is missing would be of no use.
MOST_MISSING = 0.02
UNREADABLE = "A PDF can't show most of these characters: {}. Write a .docx file instead."
# Tables of documents for people to read; each cell takes milliseconds.
MOST_CELLS = 5_000
TOO_MANY_CELLS = f"A Word or PDF file has room for {MOST_CELLS:,} cells of tables. Write a .csv file instead."
INK, FAINT, WASH = (32, 32, 32), (110, 110, 110), (243, 243, 240)


@dataclass(frozen=True, slots=True)
class TextRun:
    """A piece of text in one style."""

    text: str
    is_bold: bool = False
    is_italic: bool = False
    is_code: bool = False
    link: str = ""

    @property
    def style(self) -> str:
        return ("B" if self.is_bold else "") + ("I" if self.is_italic else "")


@dataclass(slots=True)
class DocumentBlock:
    """A part of a document; `level` is that of a heading, or how deep an item is; `rows` are those of a table, head first."""

    kind: BlockKind
    runs: list[TextRun] = field(default_factory=list)
    level: int = 1
    marker: str = ""
    rows: list[list[list[TextRun]]] = field(default_factory=list)

    @property
    def text(self) -> str:
        cells = (run for row in self.rows for cell in row for run in cell)
        return "".join(run.text for run in (*self.runs, *cells))


def pieces(file: IO[bytes]) -> Iterator[dict[str, Any]]:
    """Yields the content of the file, and the characters it lacks; or the reason why there is none."""
    head = json.loads(file.readline())
    blocks = list(blocks_of(file.read().decode()))
    if sum(len(row) for block in blocks for row in block.rows) > MOST_CELLS:
        yield {"refused": TOO_MANY_CELLS}
        return
    write: Callable[[Sequence[DocumentBlock], str], dict[str, Any]] = {"docx": _word, "pdf": _pdf}[head["ending"]]
    yield write(blocks, head["title"])


def blocks_of(text: str) -> Iterator[DocumentBlock]:
    """Yields the blocks of a Markdown text; images become their description, and HTML stays text."""
    lists = list[int | None]()
    block, quotes, marker = DocumentBlock("paragraph"), 0, ""
    for token in MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"]).parse(text):
        match token.type:
            case "bullet_list_open" | "ordered_list_open":
                lists.append(int(token.attrs.get("start", 1)) if token.type.startswith("o") else None)
            case "bullet_list_close" | "ordered_list_close":
                lists.pop()
            case "list_item_open":
                number = lists[-1]
                marker = "•" if number is None else f"{number}."
                lists[-1] = None if number is None else number + 1
            case "blockquote_open" | "blockquote_close":
                quotes += 1 if token.type.endswith("open") else -1
            case "heading_open":
                block = DocumentBlock("heading", level=min(int(token.tag[1]), MOST_LEVEL))
            case "paragraph_open":
                block = (
                    DocumentBlock("item", level=len(lists), marker=marker)
                    if lists
                    else DocumentBlock("quote" if quotes else "paragraph")
                )
                marker = ""
            case "fence" | "code_block":
                yield DocumentBlock("code", [TextRun(token.content.rstrip("\n"), is_code=True)])
            case "hr":
                yield DocumentBlock("rule")
            case "table_open":
                block = DocumentBlock("table")
            case "tr_open":
                block.rows.append([])
            case "inline" if block.kind == "table":
                block.rows[-1].append(list(_runs(token)))
            case "inline":
                block.runs = list(_runs(token))
                yield block
            case "table_close":
                yield block
                block = DocumentBlock("paragraph")
            case _:
                pass


def _runs(inline: Token) -> Iterator[TextRun]:
    style = TextRun("")
    for token in inline.children or ():
        match token.type:
            case "strong_open" | "strong_close":
                style = replace(style, is_bold=token.type.endswith("open"))
            case "em_open" | "em_close":
                style = replace(style, is_italic=token.type.endswith("open"))
            case "link_open":
                address = str(token.attrs.get("href", ""))
                style = replace(style, link=address if address.startswith(("https://", "http://", "mailto:")) else "")
            case "link_close":
                style = replace(style, link="")
            case "softbreak" | "hardbreak":
                yield replace(style, text="\n" if token.type == "hardbreak" else " ")
            case "code_inline":
                yield replace(style, text=token.content, is_code=True)
            case "text" | "image" if token.content:
                yield replace(style, text=token.content)
            case _:
                pass


def _word(blocks: Sequence[DocumentBlock], title: str) -> dict[str, Any]:
    document = Document()
    document.core_properties.title, document.core_properties.author = title, ""
    for block in blocks:
        if block.kind == "table":
            _word_table(document, block)
            continue
        style = {"quote": "Quote", "heading": f"Heading {block.level}"}.get(block.kind, "Normal")
        paragraph = document.add_paragraph(style=style)
        if block.kind == "item":
            # The marker is text, as numbering continues from one list to the next.
            paragraph.paragraph_format.left_indent = Pt(18 * block.level)
            paragraph.paragraph_format.first_line_indent = Pt(-18) if block.marker else None
            paragraph.paragraph_format.space_after = Pt(2)
            paragraph.paragraph_format.tab_stops.add_tab_stop(Pt(18 * block.level))
            if block.marker:
                paragraph.add_run(f"{block.marker}\t")
        _word_runs(paragraph, block.runs)
    return _made(document.save)


def _word_table(document: Any, block: DocumentBlock) -> None:
    columns = max((len(row) for row in block.rows), default=0)
    table = document.add_table(rows=0, cols=columns, style="Table Grid")
    for number, row in enumerate(block.rows):
        cells = table.add_row().cells
        for cell, runs in zip(cells, row, strict=False):
            _word_runs(cell.paragraphs[0], [replace(run, is_bold=True) for run in runs] if not number else runs)
    document.add_paragraph()


def _word_runs(paragraph: Any, runs: Sequence[TextRun]) -> None:
    for run in runs:
        place = _word_link(paragraph, run.link) if run.link else paragraph
        written = paragraph.add_run(_without_controls(run.text))
        written.bold, written.italic = run.is_bold or None, run.is_italic or None
        if run.is_code:
            written.font.name = "Courier New"
        if run.link:
            written.underline = True
            place.append(written._r)


def _word_link(paragraph: Any, address: str) -> Any:
    """Adds an empty link to the paragraph, and returns it."""
    link = OxmlElement("w:hyperlink")
    link.set(qn("r:id"), paragraph.part.relate_to(address, RELATIONSHIP_TYPE.HYPERLINK, is_external=True))
    paragraph._p.append(link)
    return link


def _without_controls(text: str) -> str:
    # XML has no place for them.
    return "".join(character for character in text if character in "\t\n" or character.isprintable())


class _Pdf:
    """Writes blocks to a PDF, with those fonts alone that its characters need."""

    def __init__(self, title: str, characters: Mapping[str, set[str]]) -> None:
        """`characters` are those of each style: `B`, `I`, `BI` or none."""
        self._pdf = FPDF()
        self._pdf.set_title(title)
        self._pdf.set_margin(22)
        self._pdf.set_auto_page_break(True, 22)
        self._pdf.set_text_color(*INK)
        self.missing = {character for some in characters.values() for character in some if not character.isspace()}
        scripts = list[str]()
        for script in SCRIPTS:
            if script != "latin" and not self.missing:
                break
            self._pdf.add_font(script, "", FONTS / f"text-{script}.woff2")
            covered = {chr(code) for code in cast(TTFFont, self._pdf.fonts[script]).cmap}
            if self.missing & covered or script == "latin":
                scripts.append(script)
            for style in STYLES:
                # Making a bold font of one that has all weights takes most of a second.
                if (script == "latin" and style in characters) or self.missing & covered & characters.get(style, set()):
                    self._add_style(script, style)
            self.missing -= covered
        self._pdf.set_fallback_fonts(scripts, exact_match=False)
        self._pdf.add_page()

    def _add_style(self, script: str, style: str) -> None:
        slant = "-italic" if "I" in style else ""
        weight = {"wght": 700.0} if "B" in style else None
        self._pdf.add_font(script, style, FONTS / f"text-{script}{slant}.woff2", variations=weight)

    def _style(self, run: TextRun, points: float = POINTS) -> None:
        if run.is_code and run.text.isascii():
            self._pdf.set_font("courier", size=points - 1)
        else:
            self._pdf.set_font("latin", run.style, points)

    def write(self, block: DocumentBlock) -> None:
        pdf = self._pdf
        if block.kind == "rule":
            pdf.set_draw_color(*FAINT)
            pdf.line(pdf.l_margin, pdf.y + 2, pdf.w - pdf.r_margin, pdf.y + 2)
            pdf.ln(5)
        elif block.kind == "table":
            self._table(block)
        elif block.kind == "code":
            self._code(block)
        else:
            self._text(block)

    def _text(self, block: DocumentBlock) -> None:
        pdf, points = self._pdf, POINTS
        margin = pdf.l_margin
        indent = 6 * min(block.level, 8) if block.kind == "item" else 6 if block.kind == "quote" else 0
        if block.kind == "heading":
            points = HEADING_POINTS[block.level - 1]
            pdf.ln(2)
            if pdf.will_page_break(points):
                pdf.add_page()
        pdf.set_left_margin(margin + indent)
        if block.marker:
            self._style(TextRun(""))
            pdf.set_x(margin + indent - 5 - (2 if len(block.marker) > 2 else 0))
            pdf.cell(5, LINE, block.marker)
        pdf.set_x(margin + indent)
        pdf.set_text_color(*(FAINT if block.kind == "quote" else INK))
        for run in block.runs:
            self._style(run, points)
            pdf.write(LINE * points / POINTS, self._shown(run.text), run.link)
        pdf.set_text_color(*INK)
        pdf.set_left_margin(margin)
        pdf.ln(LINE * points / POINTS + (1 if block.kind == "item" else 2.5))

    def _code(self, block: DocumentBlock) -> None:
        pdf = self._pdf
        self._style(block.runs[0], POINTS - 1)
        pdf.set_fill_color(*WASH)
        text = self._shown(block.text) or " "
        pdf.multi_cell(0, LINE - 0.6, text, fill=True, align="L", new_x="LMARGIN", new_y="NEXT", padding=2)
        pdf.ln(3)

    def _table(self, block: DocumentBlock) -> None:
        pdf = self._pdf
        columns = max((len(row) for row in block.rows), default=0)
        if not columns:
            return
        self._style(TextRun(""))
        with pdf.table(line_height=LINE, text_align="LEFT", padding=1, first_row_as_headings=True) as table:
            for cells in block.rows:
                row = table.row()
                for runs in [*cells, *([[]] * (columns - len(cells)))]:
                    row.cell(self._shown("".join(run.text for run in runs)))
        pdf.ln(3)

    def _shown(self, text: str) -> str:
        return "".join(character for character in text if character not in self.missing)

    def save(self, file: IO[bytes]) -> None:
        file.write(self._pdf.output())


def _pdf(blocks: Sequence[DocumentBlock], title: str) -> dict[str, Any]:
    characters = {"": set(PLAIN)}
    for block in blocks:
        if block.kind == "heading":
            block.runs = [replace(run, is_bold=True) for run in block.runs]
        block.rows = [[[replace(run, is_bold=not at) for run in cell] for cell in row] for at, row in enumerate(block.rows)]
        for run in (*block.runs, *(run for row in block.rows for cell in row for run in cell)):
            characters.setdefault(run.style, set()).update(run.text)
    text = "".join(block.text for block in blocks)
    pdf = _Pdf(title, characters)
    missing = "".join(sorted(pdf.missing))[:MOST_NAMED]
    if sum(character in pdf.missing for character in text) > max(10, MOST_MISSING * len(text)):
        return {"refused": UNREADABLE.format(" ".join(missing))}
    for block in blocks:
        pdf.write(block)
    return {**_made(pdf.save), "left_out": missing}


def _made(save: Callable[[IO[bytes]], object]) -> dict[str, Any]:
    file = BytesIO()
    save(file)
    return {"content": b64encode(file.getvalue()).decode(), "left_out": ""}
