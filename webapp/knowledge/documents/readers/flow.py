"""Converts paragraphs and tables to Markdown in document order. Pure."""

from collections.abc import Sequence

MOST_COLUMNS = 200


class Flow:
    """Builds Markdown from text and structure: text becomes paragraphs, or cells inside a table."""

    def __init__(self) -> None:
        self._blocks: list[str] = []
        self._texts: list[str] = []
        # Open tables, outermost first, each as rows of cells.
        self._tables: list[list[list[str]]] = []

    @property
    def is_in_table(self) -> bool:
        return bool(self._tables)

    def say(self, text: str) -> None:
        self._texts.append(text)

    def end_paragraph(self, *, level: int = 0, is_item: bool = False) -> None:
        text = "".join(self._texts).strip()
        self._texts.clear()
        if not text:
            return
        if self._tables:
            self._put_into_cell(text)
        elif level:
            self._blocks.append(f"{'#' * min(level, 6)} {' '.join(text.split())}\n\n")
        else:
            self._blocks.append(f"- {text}\n" if is_item else f"{text}\n\n")

    def open_table(self) -> None:
        self._tables.append([])

    def open_row(self) -> None:
        if self._tables:
            self._tables[-1].append([])

    def open_cell(self) -> None:
        if self._tables and self._tables[-1]:
            self._tables[-1][-1].append("")

    def open(self, name: str) -> None:
        """Opens the table, row or cell that an element of this name in DOCX or PPTX begins."""
        if name == "tbl":
            self.open_table()
        elif name == "tr":
            self.open_row()
        elif name == "tc":
            self.open_cell()

    def close_table(self) -> None:
        if not self._tables:
            return
        rows = self._tables.pop()
        if self._tables:
            self._put_into_cell(" ".join(cell for row in rows for cell in row))
        elif text := table(rows):
            self._blocks.append(f"{text}\n")

    def take(self) -> str:
        """Returns the Markdown written since the last call."""
        self.end_paragraph()
        text = "".join(self._blocks)
        self._blocks.clear()
        return text

    def _put_into_cell(self, text: str) -> None:
        if self._tables[-1] and self._tables[-1][-1]:
            row = self._tables[-1][-1]
            row[-1] = f"{row[-1]} {text}".strip()


def table(rows: Sequence[Sequence[str]]) -> str:
    """Formats rows as a Markdown table with the first as its head; drops empty rows and trailing empty cells."""
    lines = list[str]()
    for row in rows:
        cells = [" ".join(cell.replace("|", "\\|").split()) for cell in row[:MOST_COLUMNS]]
        while cells and not cells[-1]:
            cells.pop()
        if cells:
            lines.append(f"| {' | '.join(cells)} |\n")
            if len(lines) == 1:
                lines.append("|" + "---|" * len(cells) + "\n")
    return "".join(lines)
