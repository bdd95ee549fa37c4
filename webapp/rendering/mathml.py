"""Converts a formula of limited size from LaTeX as models write it to MathML, with an allow-list of tags and attributes. Pure."""

import re
from html import escape, unescape
from xml.etree import ElementTree

from math_core import LatexError, LatexToMathML

# How often a formula can expand the macros that it defines.
MOST_EXPANSIONS = 100
# Named character references, of which XML defines only five.
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
# The converter uses style attributes for alignment and rules, which our content security policy forbids.
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
# Equivalents of environments. Formulas are not counted across a page, so only `\tag` numbers one.
ENVIRONMENTS = {
    "smallmatrix": "matrix",
    "split": "aligned",
    "alignedat": "aligned",
    "alignat": "align*",
    "alignat*": "align*",
    "flalign": "align*",
    "flalign*": "align*",
    "eqnarray": "align*",
    "eqnarray*": "align*",
    "equation": "equation*",
    "align": "align*",
    "gather": "gather*",
    "multline": "multline*",
}
MACROS = {
    "substack": r"\begin{subarray}{c}#1\end{subarray}",
    "mbox": r"\text{#1}",
    "textnormal": r"\text{#1}",
    "pmb": r"\boldsymbol{#1}",
    "mathds": r"\mathbb{#1}",
    "mathbbm": r"\mathbb{#1}",
}
ENVIRONMENT = re.compile(r"\\(begin|end)\{(\w+\*?)\}")
COLUMNS = re.compile(r"(\\begin\{(?:alignedat|alignat\*?)\})\{\d+\}")
# `eqnarray` has an ampersand on both sides of the relation, `align` has one.
RELATION = re.compile(r"&([^&\\]{1,9})&")
LABEL = re.compile(r"\\label\{[^{}]*\}")
# A text within a formula that itself contains formulas.
TEXT = re.compile(r"(\\text(?:rm|bf|it)?|\\mbox)\{[^{}$]*(?:\$[^$]*\$[^{}$]*)+\}")
INNER = re.compile(r"\$([^$]*)\$")
# `allow_unreliable_rendering`: a wide tilde that some browsers draw narrow is better than none.
_converter = LatexToMathML(fancy_error=False, macros=MACROS, allow_unreliable_rendering=True, max_expansions=MOST_EXPANSIONS)


def converted(latex: str, *, is_display: bool) -> str:
    """Returns the MathML; empty if it is not a valid formula."""
    try:
        markup = _converter.convert_with_local_state(_supported(latex), displaystyle=is_display)
        root = ElementTree.fromstring(NAMED.sub(lambda match: unescape(match[0]), markup))
    except (LatexError, ElementTree.ParseError):
        return ""
    if any(element.tag not in TAGS for element in root.iter()) or not "".join(root.itertext()).strip():
        return ""
    for element in root.iter():
        element.attrib = _allowed(element.attrib)
    body = ElementTree.tostring(root, encoding="unicode")
    # The text for screen readers without MathML support, and for copying.
    return body.replace("<math", f'<math alttext="{escape(latex.strip())}"', 1)


def _allowed(attributes: dict[str, str]) -> dict[str, str]:
    allowed = {name: value for name, value in attributes.items() if name in ATTRIBUTES}
    classes = [name for part, name in STYLES.items() if part in attributes.get("style", "")]
    return allowed | ({"class": " ".join(classes)} if classes else {})


def _supported(latex: str) -> str:
    """Returns an equivalent formula without what the converter does not support."""
    latex = COLUMNS.sub(r"\1", LABEL.sub("", latex))
    if r"\begin{eqnarray" in latex:
        latex = RELATION.sub(r"&\1", latex)
    latex = ENVIRONMENT.sub(lambda match: f"\\{match[1]}{{{ENVIRONMENTS.get(match[2], match[2])}}}", latex)
    latex = TEXT.sub(_apart, latex)
    is_tagged = r"\tag" in latex and not re.search(r"\\begin\{(?:equation|align|gather|multline)\*", latex)
    return rf"\begin{{equation*}}{latex}\end{{equation*}}" if is_tagged else latex


def _apart(match: re.Match[str]) -> str:
    return "{" + INNER.sub(lambda inner: f"}}{inner[1]}{match[1]}{{", match[0]) + "}"
