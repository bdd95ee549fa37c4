"""The tool by which a model writes a file for the person: a text as it is, or a Word or PDF file of Markdown."""

import json
from base64 import b64decode
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from io import BytesIO
from typing import Any

from webapp.base.db import db
from webapp.base.heavy import child
from webapp.base.languages import gettext as _
from webapp.base.visible_text import one_line
from webapp.knowledge import formats
from webapp.tools.built_in.texts import said
from webapp.tools.files import NewFile
from webapp.tools.tool import CallContext, Hints, Result, Tool, ToolFailed

WRITER = "webapp.tools.built_in.document_files"
MADE = ("docx", "pdf")
MOST_NAME, MOST_CHARS = 100, 200_000
# Bold fonts of several scripts are made of those that have all weights.
LIMITS = replace(child.SMALL, cpu_seconds=25, wall_seconds=150)
OTHER_NAME = "Use a name that ends in .txt, .md, .csv, .docx, .pdf or the ending of another text file."
TOO_MUCH = "This text is too long for such a file. Write several, or a .md file."
NOT_MADE = "This file couldn't be made. Write a .md file instead."
LEFT_OUT = "The file lacks these characters, which its font doesn't have: {}"


def write(context: CallContext, arguments: Mapping[str, Any]) -> Result:
    """Returns the file, which becomes one of the chat."""
    name = one_line(str(arguments["name"]).replace("/", "-").replace("\\", "-"), MOST_NAME).strip(". ")
    ending = formats.ending(name)
    if ending in MADE:
        content, left_out = document(ending, formats.stem(name), str(arguments["text"]), owner_id=context.person.id)
        return Result(LEFT_OUT.format(" ".join(left_out)) if left_out else "", files=(NewFile(name, content),))
    if not formats.kind_of(name) or formats.reader_of(name) != "text":
        raise ToolFailed(OTHER_NAME)
    return Result("", files=(NewFile(name, str(arguments["text"]).encode("utf-8", "replace")),))


def document(ending: str, title: str, text: str, *, owner_id: str = "") -> tuple[bytes, str]:
    """Returns the content of a Word or PDF file made of Markdown, and the characters that it lacks."""
    # Releases the database connection while the child process works.
    db.session.rollback()
    head = json.dumps({"ending": ending, "title": title}).encode() + b"\n"
    body = BytesIO(text.encode("utf-8", "replace"))
    try:
        with child.on_disk(body, head=head) as file, closing(child.pieces(WRITER, file, LIMITS, owner_id=owner_id)) as pieces:
            piece = next(pieces)
    except child.Exceeded as error:
        raise ToolFailed(TOO_MUCH) from error
    except child.ChildCrashed as error:
        raise ToolFailed(NOT_MADE) from error
    if refused := piece.get("refused"):
        raise ToolFailed(refused)
    return b64decode(piece["content"]), piece["left_out"]


def _says(arguments: Mapping[str, Any]) -> str:
    name = said(arguments, "name")
    return _("Wrote %(name)s", name=name) if name else _("Wrote a file")


WRITE_FILE = Tool(
    key="write_file",
    title="Write a file",
    about="Writes texts, tables, Word and PDF files that you can download.",
    group="files",
    description=(
        "Writes a file that the person can download. Text files, such as .txt, .md or .csv, are written as they are. For .docx "
        "and .pdf, write Markdown: its headings, lists, tables, quotes, code and links are kept. The same name again makes a "
        "new version."
    ),
    schema={
        "type": "object",
        "properties": {
            "name": {
                "type": "string",
                "minLength": 3,
                "maxLength": MOST_NAME,
                "description": "The name with its ending, such as report.docx.",
            },
            "text": {"type": "string", "minLength": 1, "maxLength": MOST_CHARS, "description": "All of the text."},
        },
        "required": ["name", "text"],
        "additionalProperties": False,
    },
    says=_says,
    run=write,
    # Another version is all that doing it again can make.
    hints=Hints(is_destructive=False, is_idempotent=True, is_open_world=False),
    policy="allow",
)
