"""Formulas written in LaTeX, drawn as MathML, of which only what is listed here reaches a browser. Pure."""

import re
from functools import lru_cache
from html import escape, unescape
from xml.etree import ElementTree

from math_core import LatexError, LatexToMathML

from webapp.rendering.latex import MACROS, known

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
MOST_DEFINING_CHARS, MOST_EXPANSIONS = 400, 100
# Names of characters, which XML does not know but for five.
NAMED = re.compile(r"&(?!(?:lt|gt|amp|quot|apos);)[A-Za-z]+;")
# Between these the sanitiser sees letters and digits alone: the formula is drawn behind it.
OPEN, CLOSE = "\ue000", "\ue001"
HELD = re.compile(f"{OPEN}([di])([0-9a-f]*){CLOSE}")
TAGS = set(
    """
    math mrow mi mn mo ms mtext mspace mfrac msqrt mroot msup msub msubsup munder mover munderover mmultiscripts mprescripts
    mtable mtr mtd menclose mpadded mphantom mstyle none b i em code span
    """.split()  # noqa: SIM905  one a line would be a page
)
ATTRIBUTES = set(
    """
    display displaystyle scriptlevel mathvariant stretchy form fence separator largeop movablelimits accent accentunder symmetric
    lspace rspace minsize maxsize linethickness width height depth voffset notation columnalign rowspan columnspan intent
    """.split()  # noqa: SIM905
)
# The converter aligns and rules by style, which our content policy forbids.
STYLES = {
    "text-align: left": "start",
    "text-align: right": "end",
    "padding-left: 0": "close-start",
    "padding-right: 0": "close-end",
    "width: 100%": "wide",
    "width: 50%": "half",
    "border-top": "ruled-top",
    "border-right": "ruled-right",
    "border-bottom": "ruled-bottom",
    "border-left": "ruled-left",
}

# A wide tilde may be drawn narrow: better than none.
_converter = LatexToMathML(fancy_error=False, macros=MACROS, allow_unreliable_rendering=True, max_expansions=MOST_EXPANSIONS)


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
    try:
        markup = _converter.convert_with_local_state(known(latex), displaystyle=is_display)
        root = ElementTree.fromstring(NAMED.sub(lambda found: unescape(found[0]), markup))
    except (LatexError, ElementTree.ParseError):
        return ""
    if any(each.tag not in TAGS for each in root.iter()) or not "".join(root.itertext()).strip():
        return ""
    for each in root.iter():
        each.attrib = _allowed(each.attrib)
    body = ElementTree.tostring(root, encoding="unicode")
    # What a screen reader without MathML says, and what is copied.
    return body.replace("<math", f'<math alttext="{escape(latex.strip())}"', 1)


def _is_too_much(latex: str) -> bool:
    """Whether to convert it could take long, or more memory than a formula is worth."""
    unclosed = len(OPENING.findall(latex)) - len(CLOSING.findall(latex))
    most_chars = MOST_DEFINING_CHARS if DEFINES.search(latex) else MOST_CHARS
    return len(latex) > most_chars or len(MARK.findall(latex)) > MOST_MARKS or unclosed > MOST_UNCLOSED


def _allowed(attributes: dict[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in attributes.items() if name in ATTRIBUTES}
    classes = [name for part, name in STYLES.items() if part in attributes.get("style", "")]
    return kept | ({"class": " ".join(classes)} if classes else {})
