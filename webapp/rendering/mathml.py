"""A formula of bounded size as MathML, of which only what is listed here reaches a browser. Pure."""

import re
from html import escape, unescape
from xml.etree import ElementTree

from math_core import LatexError, LatexToMathML

from webapp.rendering.latex import MACROS, known

# So often a formula may use the names that it gives.
MOST_EXPANSIONS = 100
# Names of characters, which XML does not know but for five.
NAMED = re.compile(r"&(?!(?:lt|gt|amp|quot|apos);)[A-Za-z]+;")
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


def converted(latex: str, *, is_display: bool) -> str:
    """Empty where it is no formula."""
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


def _allowed(attributes: dict[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in attributes.items() if name in ATTRIBUTES}
    classes = [name for part, name in STYLES.items() if part in attributes.get("style", "")]
    return kept | ({"class": " ".join(classes)} if classes else {})
