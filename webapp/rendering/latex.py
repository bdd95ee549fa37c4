"""Translates LaTeX as models write it into what the converter supports. Pure."""

import re

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


def known(latex: str) -> str:
    """Returns an equivalent formula without what the converter does not support."""
    latex = COLUMNS.sub(r"\1", LABEL.sub("", latex))
    if r"\begin{eqnarray" in latex:
        latex = RELATION.sub(r"&\1", latex)
    latex = ENVIRONMENT.sub(lambda found: f"\\{found[1]}{{{ENVIRONMENTS.get(found[2], found[2])}}}", latex)
    latex = TEXT.sub(_apart, latex)
    is_tagged = r"\tag" in latex and not re.search(r"\\begin\{(?:equation|align|gather|multline)\*", latex)
    return rf"\begin{{equation*}}{latex}\end{{equation*}}" if is_tagged else latex


def _apart(found: re.Match[str]) -> str:
    return "{" + INNER.sub(lambda inner: f"}}{inner[1]}{found[1]}{{", found[0]) + "}"
