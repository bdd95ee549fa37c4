"""Renders LaTeX formulas as MathML, and passes them through the sanitiser. Pure."""

import re
from functools import lru_cache, partial
from importlib import import_module

from webapp.rendering import on_loop

MOST_CHARS = 4_000
# Deeper nesting would overflow the converter's stack, which crashes the process.
MOST_MARKS = 400
MARK = re.compile(r"[{^_]|\\[A-Za-z]+")
# A converter can search for the end of each unclosed bracket, and double its work with every one.
MOST_UNCLOSED = 8
OPENING = re.compile(r"[(\[]|\\(?:\{|(?:l(?:angle|brac[ek]|ceil|floor|[vV]ert))(?![A-Za-z]))")
CLOSING = re.compile(r"[)\]]|\\(?:\}|(?:r(?:angle|brac[ek]|ceil|floor|[vV]ert))(?![A-Za-z]))")
# A formula can define a macro for a part of itself, and so multiply that part.
DEFINES = re.compile(r"\\(?:g?def|(?:new|provide)command)(?![A-Za-z])")
MOST_DEFINING_CHARS = 400
# Delimiters of a held formula: in between, the sanitiser sees only letters and digits; the MathML is inserted after it.
OPEN, CLOSE = "\ue000", "\ue001"
PLACEHOLDER = re.compile(f"{OPEN}([di])([0-9a-f]*){CLOSE}")


def is_formula(latex: str) -> bool:
    """Returns whether it can be rendered."""
    return bool(_drawn(latex, False))


def markup_chars(latex: str) -> int:
    """Returns the length of the MathML: up to fifty times that of the source."""
    return len(_drawn(latex, False))


def placeholder(latex: str, *, is_display: bool) -> str:
    """Returns the formula in a form that passes the sanitiser unchanged."""
    return f"{OPEN}{'d' if is_display else 'i'}{latex.encode().hex()}{CLOSE}"


def drawn(markup: str) -> str:
    """Inserts the MathML of held formulas into sanitised markup."""
    return PLACEHOLDER.sub(lambda match: _drawn(_latex(match[2]), match[1] == "d"), markup) if OPEN in markup else markup


def _latex(text: str) -> str:
    try:
        return bytes.fromhex(text).decode()
    except ValueError:
        return ""


# 128 at most: the largest formulas take a hundred kilobytes each.
@lru_cache(maxsize=128)
def _drawn(latex: str, is_display: bool) -> str:
    """Returns the MathML; empty if it is no formula or too expensive."""
    if not latex.strip() or _is_too_much(latex):
        return ""
    # Imported late, to spare a server without formulas the memory.
    mathml = on_loop.run(partial(import_module, "webapp.rendering.mathml"))
    return str(mathml.converted(latex, is_display=is_display))


def _is_too_much(latex: str) -> bool:
    """Returns whether converting it could take too much time or memory."""
    unclosed = len(OPENING.findall(latex)) - len(CLOSING.findall(latex))
    most_chars = MOST_DEFINING_CHARS if DEFINES.search(latex) else MOST_CHARS
    return len(latex) > most_chars or len(MARK.findall(latex)) > MOST_MARKS or unclosed > MOST_UNCLOSED
