"""Formulas become MathML, money and code do not; a growing text ends the same; hostile formulas are safe."""

from itertools import pairwise
from xml.etree import ElementTree

import pytest

from tests.rendering.test_markdown import grown
from tests.support.speed import takes_at_most
from webapp.rendering.markdown import render
from webapp.rendering.markdown_rules import MAX_FORMULA_MARKUP
from webapp.rendering.mathematics import MOST_CHARS, placeholder
from webapp.rendering.mathml import ATTRIBUTES, TAGS
from webapp.rendering.sanitise import clean
from webapp.rendering.text import plain

DRAWN = r"""
e^{i\pi}+1=0
a^2+b^2=c^2
\frac{-b \pm \sqrt{b^2-4ac}}{2a}
\sum_{i=0}^{n} i = \frac{n(n+1)}{2}
\int_0^\infty e^{-x^2}\,dx = \frac{\sqrt{\pi}}{2}
\lim_{x \to 0} \frac{\sin x}{x} = 1
\begin{pmatrix} a & b \\ c & d \end{pmatrix}
\begin{cases} 1 & x > 0 \\ 0 & \text{otherwise} \end{cases}
\begin{aligned} x &= 1 \\ y &= 2 \end{aligned}
\mathbb{R} \to \mathcal{L}(V)
\left( \frac{a}{b} \right)^n
\vec{F} = m\vec{a}
\hat{y} = X\hat{\beta}
\nabla \cdot \mathbf{E} = \frac{\rho}{\varepsilon_0}
\partial_t u = \alpha \Delta u
P(A \mid B) = \frac{P(B \mid A)\,P(A)}{P(B)}
\operatorname{argmax}_\theta L(\theta)
\binom{n}{k} = \frac{n!}{k!(n-k)!}
x \in A \cup B \subseteq C
\forall \varepsilon > 0\ \exists \delta > 0
\overline{z} \cdot \underline{w}
\prod_{p} \frac{1}{1-p^{-s}}
\lfloor x \rfloor + \lceil y \rceil
\sqrt[3]{x}
f'(x)
x_1, \ldots, x_n
\text{für alle } n \ge 1
A \xrightarrow{f} B
\boxed{42}
\alpha\beta\gamma\delta
\oint_C \mathbf{F} \cdot d\mathbf{r}
\mathrm{d}x
10^{-3}\,\mathrm{m}
\dot{q} + \ddot{q}
\frac{\partial^2 f}{\partial x^2}
\begin{bmatrix} 1 & 0 \\ 0 & 1 \end{bmatrix}
\det(A - \lambda I) = 0
a \equiv b \pmod{n}
\neg p \lor q \implies r
\underbrace{a+b}_{n}
""".strip().splitlines()
# Texts that are not formulas and stay as written.
TEXTS = (
    "It costs $5 and $6.",
    "Between $5 and 10$ euros.",
    "pay $5/$6 or $10.",
    "US$5 and CA$6",
    "$1,000 to $2,000",
    "$HOME and $PATH",
    "export A=$HOME:$PATH",
    "echo $$",
    "$foo, $bar = $baz;",
    "A $ here and a $ there",
    "$ x$",
    "$x $",
    "a$b$c",
    "$x$y",
    "Only one $x",
    "$$",
    "$$$",
    "$$ $$",
    "`$a$` is code",
    "```\n$a$\n```",
    "    $a$",
    r"\$5 and \$6",
    r"\(just words\)",
    r"\[not a link\](x)",
    r"\( \)",
    r"\(a^2",
    r"$\unknowncommand{x}$",
    r"$\href{javascript:alert(1)}{x}$",
    r"$\begin{matrix}a$",
    r"$a & b$",
    "$}{$",
    "the price (in $) rose",
    "$5k$s",
    "5$ + 6$",
    "jQuery: $(this).hide()",
    "awk '{print $1, $2}'",
    "R: df$x + df$y",
    "$a\n\nb$",
    "US$",
    "100$",
)
HOSTILE = {
    "braces": "$" + "{" * 3_000 + "x" + "}" * 3_000 + "$",
    "roots": "$" + r"\sqrt" * 900 + "x$",
    "powers": "$" + "x^{" * 900 + "y" + "}" * 900 + "$",
    "environments": "$$" + r"\begin{matrix}" * 200 + "x" + r"\end{matrix}" * 200 + "$$",
    "a definition of itself": r"$\def\a{\a\a}\a$",
    "definitions that double": "$" + "".join(rf"\def\a{a}{{\a{b}\a{b}}}" for a, b in pairwise("bcdefghijklmnopq")) + r"\abb$",
    "words within words": "$$" + r"\text{$" * 500 + "x" + "$}" * 500 + "$$",
    "words that never end": "$$" + r"\text{a$b$" * 400 + "$$",
    "labels that never end": "$$" + r"\label{" * 550 + "$$",
    "columns": r"$$\begin{eqnarray}" + "&a" * 1_900 + r"\end{eqnarray}$$",
    "a definition that is long": r"$\def\a{" + "x" * 2_800 + "}" + r"\a" * 390 + "$",
    "brackets that never close": "$" + "(" * 29 + "$",
    "brackets of every kind": "$" + r"(a[\{b\langle c\lfloor\lvert " * 5 + "$",
    "dollars": "$a " * 1_600,
    "closed dollars": "$a$ " * 1_200,
    "brackets": r"\(" * 2_400,
    "a megabyte": "$" + "x+" * 500_000 + "1$",
    "many in one text": "$x_1$ and\n\n" * 5_000,
}


def formulas(html: str) -> list[str]:
    return html.split("<math ")[1:]


@pytest.mark.parametrize("latex", DRAWN)
def test_a_formula_is_drawn(latex: str) -> None:
    for text in (f"So ${latex}$.", f"So $${latex}$$.", rf"So \({latex}\).", rf"So \[{latex}\]."):
        html = render(text)
        assert len(formulas(html)) == 1, html
        assert "$" not in html.partition("</math>")[2]
        drawn = ElementTree.fromstring(html)
        assert {element.tag for element in drawn.iter()} <= TAGS | {"p"}
        assert {name for element in drawn.iter() for name in element.attrib} <= ATTRIBUTES | {"alttext", "class"}


@pytest.mark.parametrize("text", TEXTS)
def test_money_and_code_stay_as_they_are(text: str) -> None:
    assert not formulas(render(text))


@pytest.mark.parametrize("latex", [r"\newcommand{\V}{\mathbb{R}} x \in \V^n", r"x \in ]a, b[ \cup [c, d)", "((((((((a"])
def test_a_formula_within_its_limits_is_drawn(latex: str) -> None:
    assert len(formulas(render(f"${latex}$"))) == 1


def test_what_cannot_be_drawn_keeps_its_backslashes() -> None:
    assert r"\(\unknown{a}\)" in render(r"So \(\unknown{a}\).")


@pytest.mark.mostly_slow
@pytest.mark.parametrize(
    "text",
    [
        "So $x_1$, $$y^2$$ and\n\n$$\n\\frac12\n$$\n\nor \\(a^2\\) and\n\n\\[\nb_3 = \\text{if $c$}\n\\]\n\nend",
        "It costs $5, $x$ and 6$ more.",
    ],
)
def test_a_text_that_grows_ends_the_same_at_every_cut(text: str) -> None:
    for at in range(1, len(text)):
        growing = grown(text, [at, len(text)], [])
        assert growing.finish().html == render(text)


@pytest.mark.slow
@pytest.mark.parametrize("text", HOSTILE.values(), ids=list(HOSTILE))
def test_a_hostile_formula_is_bounded(text: str) -> None:
    with takes_at_most(5):
        render(text)


@pytest.mark.slow
def test_the_formulas_of_a_text_are_bounded_together() -> None:
    parts = [f"${letter}{'|' * 3_900}$\n\n" for letter in "abcdefghijklmnopqrstuvwxyz"]
    html = render("".join(parts))

    assert len(html) < 2 * MAX_FORMULA_MARKUP
    assert 2 < len(formulas(html)) < len(parts)
    assert f"<p>{parts[-1].strip()}</p>" in html
    assert grown("".join(parts), [*range(3_000, 26 * 3_905, 3_000), 26 * 3_905], []).finish().html == html


@pytest.mark.parametrize("latex", [r"\text{<script>alert(1)</script>}", r"\text{<img src=x onerror=alert(1)>}", 'a"><b'])
def test_no_markup_comes_out_of_a_formula(latex: str) -> None:
    html = render(f"${latex}$")
    assert not [tag for tag in ("<script", "<img", "<b>") if tag in html]


def test_what_only_looks_like_one_behind_the_sanitiser_draws_nothing_else() -> None:
    assert clean("\ue000i00ff\ue001") == "" or "<" not in clean("\ue000i00ff\ue001")
    assert "<script" not in clean(placeholder(r"\text{<script>}", is_display=False))
    assert len(placeholder("x" * MOST_CHARS, is_display=True)) > MOST_CHARS


def test_titles_and_search_have_the_formula_as_it_was_written() -> None:
    assert plain("So $x_1$ is") == "So x_1 is"
