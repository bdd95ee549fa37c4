"""Writes the result of a measurement into the documents, with the version that it was found in."""

import os
import re
from pathlib import Path

from bench.verdict import Bar, Verdict, short
from webapp.base.config import ROOT
from webapp.base.version import VERSION

DOCUMENT = ROOT / "docs" / "performance.md"


def publish(name: str, verdict: Verdict, document: Path = DOCUMENT) -> None:
    """Replaces the table of `flask bench NAME` in the document; raises `ValueError` if it has none."""
    text, count = re.subn(
        rf"(?m)^`flask bench {name}` found in version .*\n\n(?:\|.*\n)+", lambda _: table(name, verdict), document.read_text()
    )
    if count != 1:
        raise ValueError(f"{document.name} has {count} tables of `flask bench {name}`.")
    document.write_text(text)


def table(name: str, verdict: Verdict) -> str:
    """Returns the table, below a line that says of which version and machine it is."""
    doubt = f"; its times are unreliable, as {verdict.doubts[0]}" if verdict.doubts else ""
    head = f"`flask bench {name}` found in version {VERSION}, on {os.cpu_count()} cores{doubt}:\n"
    return "\n".join([head, "| | at most | found |", "|---|---:|---:|", *map(_row, verdict.bars), ""])


def _row(bar: Bar) -> str:
    most = "" if bar.most is None else f"{short(bar.most)}{bar.unit}"
    return f"| {bar.words} | {most} | {short(bar.found)}{bar.unit} |"
