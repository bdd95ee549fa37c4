"""Formulas written in LaTeX, drawn as MathML, of which only what is listed here reaches a browser. Pure."""

import re
from functools import lru_cache

MOST_CHARS = 4_000
# Deeper nesting would overflow the converter's stack, which no exception survives.
MOST_MARKS = 400
MARK = re.compile(r"[{^_]|\\[A-Za-z]+")
# A converter may look for the end of each bracket that has none, and double its work with every one.
MOST_UNCLOSED = 8
OPENING = re.compile(r"[(\[]|\\(?:\{|(?:l(?:angle|brac[ek]|ceil|floor|[vV]ert))(?![A-Za-z]))")
CLOSING = re.compile(r"[)\]]|\\(?:\}|(?:r(?:angle|brac[ek]|ceil|floor|[vV]ert))(?![A-Za-z]))")
# A name that a formula gives to a part of itself multiplies it.
DEFINES = re.compile(r"\\(?:g?def|(?:new|provide)command)(?![A-Za-z])")
MOST_DEFINING_CHARS = 400
# Between these the sanitiser sees letters and digits alone: the formula is drawn behind it.
OPEN, CLOSE = "\ue000", "\ue001"
HELD = re.compile(f"{OPEN}([di])([0-9a-f]*){CLOSE}")


def is_formula(latex: str) -> bool:
    """Whether it can be drawn."""
    return bool(_drawn(latex, False))


def markup_chars(latex: str) -> int:
    """How long it is when it is drawn: up to fifty times as long as it is written."""
    return len(_drawn(latex, False))


def held(latex: str, *, is_display: bool) -> str:
    """The formula in a form that passes the sanitiser untouched."""
    return f"{OPEN}{'d' if is_display else 'i'}{latex.encode().hex()}{CLOSE}"


def drawn(markup: str) -> str:
    """Sanitised markup with its formulas."""
    return HELD.sub(lambda found: _drawn(_latex(found[2]), found[1] == "d"), markup) if OPEN in markup else markup


def _latex(text: str) -> str:
    try:
        return bytes.fromhex(text).decode()
    except ValueError:
        return ""


# The largest formulas take a hundred kilobytes each.
@lru_cache(maxsize=128)
def _drawn(latex: str, is_display: bool) -> str:
    """The MathML; empty where there is none, or too much of it."""
    if not latex.strip() or _is_too_much(latex):
        return ""
    # Here, because a server without formulas need not hold it.
    from webapp.rendering.mathml import converted

    return converted(latex, is_display=is_display)


def _is_too_much(latex: str) -> bool:
    """Whether to convert it could take long, or more memory than a formula is worth."""
    unclosed = len(OPENING.findall(latex)) - len(CLOSING.findall(latex))
    most_chars = MOST_DEFINING_CHARS if DEFINES.search(latex) else MOST_CHARS
    return len(latex) > most_chars or len(MARK.findall(latex)) > MOST_MARKS or unclosed > MOST_UNCLOSED
