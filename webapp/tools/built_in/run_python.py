"""The tool by which a model runs a Python program, in an interpreter that reaches nothing but files of the chat."""

import json
import sysconfig
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from functools import cache
from importlib import invalidate_caches
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any

from webapp.base.db import db
from webapp.base.errors import NotFound
from webapp.base.heavy import child
from webapp.base.heavy.work_limiter import WorkLimiter
from webapp.base.languages import gettext as _
from webapp.base.visible_text import visible
from webapp.knowledge import formats
from webapp.tools.built_in.texts import MOST_CHARS, bounded
from webapp.tools.files import FileText, NewFile
from webapp.tools.tool import READS, CallContext, Result, Tool, ToolFailed

PROGRAM = "webapp.tools.built_in.python_program"
BINARY = Path(sysconfig.get_path("scripts")) / "monty"
# The interpreter is stopped before: these are for what it does not count.
LIMITS = replace(child.SMALL, memory_bytes=2 * 1024 * 1024 * 1024, cpu_seconds=13, wall_seconds=30, is_admitted=True)
MOST_CODE, MOST_FILES, MOST_FILE_CHARS = 50_000, 10, 4_000_000
BUSY = "Other programs are running right now. Try again in a minute."
# One program of a person at a time, and beside other work, so that endless ones don't delay uploads.
_programs = WorkLimiter(most=2, most_each=1, patience_seconds=40.0, busy=BUSY)
# What a file can be whose text another program won't follow anywhere by itself.
WRITTEN = ("txt", "csv", "tsv", "json", "jsonl", "log")
NOT_INSTALLED = "Python isn't installed. An admin can install it under Administration → Models → Tools."
STOPPED = "The answer was stopped."
TOO_MUCH = "The program needs too much memory or time. It has 10 seconds and 128 MB."
NOTHING = "The program ended, and printed nothing. Print what you need, or end with an expression."
CUT = "(The rest of the output was left out.)"
ENDINGS = "{} was not kept: a program can write files that end in ." + ", .".join(WRITTEN) + "."


def unavailable() -> str:
    """Returns why programs can't be run, or nothing. It can be installed while the server runs."""
    return "" if BINARY.is_file() and _has_client() else NOT_INSTALLED


@cache
def _has_client() -> bool:
    invalidate_caches()
    return find_spec("pydantic_monty") is not None


def run(context: CallContext, arguments: Mapping[str, Any], *, most_chars: int = MOST_CHARS) -> Result:
    """Returns what the program prints and its last value, or its error as a traceback; the files that it wrote are the chat's."""
    code = str(arguments["code"])
    given = _files(context, code)
    texts = {name: file.text for name, file in given.items()}
    outside = tuple(dict.fromkeys(place for file in given.values() for place in file.outside))
    asked = json.dumps({"code": code, "files": texts}).encode("utf-8", "replace")
    person_id = context.person.id
    # Releases the database connection while the program runs.
    db.session.rollback()
    try:
        with (
            _programs.entered(person_id),
            child.on_disk(BytesIO(asked)) as file,
            closing(child.pieces(PROGRAM, file, LIMITS, stop=context.stop)) as pieces,
        ):
            piece = next(pieces)
    except child.Exceeded as error:
        raise ToolFailed(STOPPED if context.stop else TOO_MUCH) from error
    except child.ChildCrashed as error:
        raise ToolFailed(TOO_MUCH) from error
    parts = [piece["output"].rstrip("\n"), CUT if piece["is_cut"] else "", piece["value"]]
    if piece["error"]:
        raise ToolFailed(visible(bounded("\n".join(filter(None, (*parts[:2], piece["error"]))), most_chars)))
    kept = {name: text for name, text in piece["files"].items() if formats.ending(name) in WRITTEN and text}
    parts += [ENDINGS.format(name) for name in piece["files"] if formats.ending(name) not in WRITTEN]
    text = visible("\n".join(filter(None, parts)))
    files = tuple(NewFile(name, text.encode("utf-8", "replace")) for name, text in kept.items())
    return Result(bounded(text, most_chars) or ("" if files else NOTHING), outside=outside, files=files)


def _files(context: CallContext, code: str) -> dict[str, FileText]:
    """Returns those text files of the chat that the program names."""
    files, left = dict[str, FileText](), MOST_FILE_CHARS
    for name in [name for name in context.files.names() if name in code][:MOST_FILES]:
        try:
            file = context.files.read(name)
        except NotFound:
            continue
        if "/" not in name and len(file.text) <= left:
            files[name] = file
            left -= len(file.text)
    return files


def _says(arguments: Mapping[str, Any]) -> str:
    code = arguments.get("code")
    lines = len(code.splitlines()) if isinstance(code, str) else 0
    return _("Ran a Python program of %(num)s lines", num=lines) if lines > 1 else _("Ran a Python program")


RUN_PYTHON = Tool(
    key="run_python",
    title="Run Python",
    about="Calculates and works on tables with small programs that have no network access.",
    group="files",
    description=(
        "Runs a Python program, for sums, tables and text, and returns what it prints and the value of its last expression. It "
        "has a part of the standard library (math, re, json, csv, datetime, collections, itertools, decimal, random), "
        "10 seconds, 128 MB and no network. Text files of this chat are opened by name, as in open('sales.csv'). A text or CSV "
        "file that it writes can be downloaded."
    ),
    schema={
        "type": "object",
        "properties": {
            "code": {"type": "string", "minLength": 1, "maxLength": MOST_CODE, "description": "The program."},
        },
        "required": ["code"],
        "additionalProperties": False,
    },
    says=_says,
    run=run,
    hints=READS,
    policy="allow",
    unavailable=unavailable,
    can_echo=True,
    reads_private=True,
)
