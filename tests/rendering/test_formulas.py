"""Formulas of every kind, compared with the output of a second renderer."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from html import unescape
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import latex2mathml.converter
import pytest

from webapp.rendering.markdown import render
from webapp.rendering.mathml import NAMED

TABLE = Path(__file__).with_name("formulas.txt").read_text("utf-8")
LEAVES = {"mi", "mn", "mo", "mtext", "ms"}
PARTS = {"msubsup": ("msub", "msup"), "munderover": ("munder", "mover")}
SHAPES = {"mfrac", "msqrt", "mroot", "msub", "msup", "munder", "mover", "mtable"}
# Spaces, invisible operators, and variation selectors.
UNSEEN = re.compile(r"[\s\u200b\u2060-\u2064\ufe00\ufe01]")
# Different characters for the same sign: ours comes first.
SAME_SIGNS = ("⋅·", "∗*", "ˆ^", "\u0302^", "˜~", "\u0303~", "\u20d7→", "\u0332―", "∙•", "∖⧵", "∼~", "⊨⊧", "⇝⤳", "□◻", "…...")
# Known differences: the reason, and a pattern of the formulas concerned.
EXPLAINED = {
    "It puts beside what belongs below and above.": (
        r"\\(?:coprod|big(?:cup|cap|oplus|otimes|vee|wedge)|lim|limsup|liminf|max|min|sup|operatorname\*)(?=\W|_)"
    ),
    "It doesn't know the command, and prints its name or nothing.": r"\\(?:arg|not=|substack|tag|text(?:bf|it|rm))(?=\W)",
    "It has no formulas within words.": r"\\text\{[^}]*\$",
    "It makes no table of these lines, and writes their marks as they are, which is not even XML.": (
        r"\\begin\{(?:rcases|dcases|align|aligned|alignedat|split|gathered|gather\*|multline|smallmatrix)\}"
    ),
    "Ours is a table, so that a number can follow.": r"\\begin\{equation\}",
    "It draws an arrow of one length, its words beside it.": r"\\x(?:right|left)arrow",
}


def sections() -> Iterator[tuple[str, list[str]]]:
    names = [*re.finditer(r"^# (.+)\n", TABLE, re.MULTILINE)]
    ends = [match.start() for match in names[1:]] + [len(TABLE)]
    for name, end in zip(names, ends, strict=True):
        yield name[1], TABLE[name.end() : end].splitlines()


def parsed(markup: str) -> ElementTree.Element:
    return ElementTree.fromstring(NAMED.sub(lambda found: unescape(found[0]), markup))


def ours(latex: str) -> ElementTree.Element:
    found = parsed(render(f"$${latex}$$")).find("math")
    assert found is not None, f"{latex} is not drawn."
    return found


def names(root: ElementTree.Element) -> list[tuple[str, ElementTree.Element]]:
    return [(element.tag.rpartition("}")[2], element) for element in root.iter()]


def words(root: ElementTree.Element) -> str:
    text = "".join(unescape("".join(element.itertext())) for name, element in names(root) if name in LEAVES)
    text = UNSEEN.sub(
        "", "".join(unicodedata.normalize("NFKC", character) if character.isalnum() else character for character in text)
    )
    for signs in SAME_SIGNS:
        text = text.replace(signs[0], signs[1:])
    return text


def shape(root: ElementTree.Element) -> Counter[str]:
    return Counter(part for name, _ in names(root) for part in PARTS.get(name, (name,)) if part in SHAPES)


def is_the_same(latex: str) -> bool:
    mine = ours(latex)
    try:
        second = parsed(latex2mathml.converter.convert(latex, display="block"))
    except ElementTree.ParseError:
        return False
    return words(mine) == words(second) and shape(mine) == shape(second)


def test_the_table_is_long_and_says_nothing_twice() -> None:
    formulas = [line for _, lines in sections() for line in lines]
    assert len(formulas) > 300
    assert all(one != next_one for one, next_one in pairwise(sorted(formulas)))


@pytest.mark.parametrize(("name", "formulas"), [pytest.param(*section, id=section[0]) for section in sections()])
def test_two_renderers_agree(name: str, formulas: list[str]) -> None:
    differing = [formula for formula in formulas if not is_the_same(formula)]
    unexplained = [formula for formula in differing if not any(re.search(known, formula) for known in EXPLAINED.values())]
    assert not unexplained, name


@pytest.mark.slow
def test_no_explanation_is_idle() -> None:
    differing = [line for _, lines in sections() for line in lines if not is_the_same(line)]
    for reason, known in EXPLAINED.items():
        assert any(re.search(known, formula) for formula in differing), reason


def test_what_browsers_leave_to_the_style_sheet_has_a_class() -> None:
    def classes(latex: str) -> str:
        return " ".join(str(element.get("class", "")) for element in ours(latex).iter())

    assert "ruled-right" in classes(r"\begin{array}{c|c} a & b \\ c & d \end{array}")
    assert "ruled-top" in classes(r"\begin{array}{cc} a & b \\ \hline c & d \end{array}")
    assert "close-end" in classes(r"\begin{split} a &= b \end{split}")


def test_a_number_stands_only_where_one_is_given() -> None:
    assert "(1)" not in words(ours(r"\begin{align} a &= b \end{align}"))
    assert words(ours(r"a = b \tag{7}")) == "a=b(7)"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (r"\begin{eqnarray} a &=& b \\ c &=& d \end{eqnarray}", r"\begin{align*} a &= b \\ c &= d \end{align*}"),
        (r"\begin{alignat}{2} a &= b \label{eq:1} \end{alignat}", r"\begin{align*} a &= b \end{align*}"),
        (r"\text{if $x$ and $y$ hold}", r"{\text{if }x\text{ and }y\text{ hold}}"),
        (r"\mbox{so}", r"\text{so}"),
        (r"\sum_{\substack{a \\ b}}", r"\sum_{\begin{subarray}{c}a \\ b\end{subarray}}"),
    ],
)
def test_the_same_by_another_name_is_drawn_the_same(written: str, meant: str) -> None:
    assert words(ours(written)) == words(ours(meant))
    assert shape(ours(written)) == shape(ours(meant))
