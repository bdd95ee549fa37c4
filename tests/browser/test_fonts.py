"""The fonts that come along: they arrive late without moving the text, formulas grow in theirs, and they can be declined."""

import time

import pytest
from playwright.sync_api import Route, expect

from tests.browser.chats import ChatPage
from tests.browser.conftest import Visit
from tests.support.server import Server
from tests.upstream.handle import Upstream

pytestmark = pytest.mark.slow
LATE_SECONDS = 0.4
ANSWER = """Sourdough rewards *patience* more than precision, and a **cool kitchen** simply takes longer. Here is a plan for two
loaves over a weekend, with *twelve hours* of cold rest.

## What you need

Flour with at least 12% protein, water at 24 degrees, and a starter that floats. Weigh everything: cups are off by a fifth.

1. Mix and rest for 40 minutes.
2. Fold four times, half an hour apart, until the dough *holds its shape*.

| Flour | Water |
|---|---:|
| Bread | 780 g |

> "It is ready when it is ready," she said, quietly enough that only Mira heard it.

Bake at 250 degrees until the crust is a deep brown, and let the loaves cool before you cut them.
"""
FORMULA = "So\n\n$$\\left( \\frac{\\sum_{i=1}^{n} w_i}{\\sqrt{\\frac{a}{b}}} \\right) = x$$\n"
FORMULAS = """The roots of a quadratic are

$$x_{1,2} = \\frac{-b \\pm \\sqrt{b^2 - 4ac}}{2a}$$

which needs $a \\ne 0$ and, for real roots, $b^2 \\ge 4ac$. Their sum is $-\\frac{b}{a}$.

$$\\left( \\sum_{i=1}^{n} w_i \\right)^2 \\le n \\int_0^1 f(x)\\,dx$$

The mean follows from both, as the next chapter shows with an example of twelve measurements.

$$\\begin{pmatrix} a & b \\\\ c & d \\end{pmatrix}^{-1} = \\frac{1}{ad - bc} \\begin{pmatrix} d & -b \\\\ -c & a \\end{pmatrix}$$

And that is all.
"""
LOADED = "[...document.fonts].filter(face => face.status === 'loaded').map(face => `${face.family} ${face.style}`)"
SHIFT = "shifts.reduce((sum, {value}) => sum + value, 0)"
HEIGHTS = """math => [...math.querySelectorAll('mo')].filter(sign => '()'.includes(sign.textContent))
  .map(sign => sign.getBoundingClientRect().height)"""
FAMILY = "text => getComputedStyle(text).fontFamily"


def late(route: Route) -> None:
    time.sleep(LATE_SECONDS)
    route.continue_()


def finished(visit: Visit, server: Server, upstream: Upstream, text: str) -> ChatPage:
    upstream.says(text)
    chat = visit(server).begin("Hello")
    chat.expect("completed")
    return chat


def test_a_font_that_arrives_late_moves_no_text(server: Server, upstream: Upstream, visit: Visit) -> None:
    chat = finished(visit, server, upstream, ANSWER)
    again = chat.page.context.new_page()
    again.route("**/*.woff2*", late)
    again.goto(chat.page.url)
    again.wait_for_function(f"{LOADED}.includes('Millrace Text italic')")
    again.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    assert "Millrace Text normal" in again.evaluate(LOADED)
    assert again.evaluate(SHIFT) <= 0.01


def test_a_font_of_formulas_that_arrives_late_hardly_moves_them(server: Server, upstream: Upstream, visit: Visit) -> None:
    chat = finished(visit, server, upstream, FORMULAS)
    again = chat.page.context.new_page()
    again.route("**/*.woff2*", late)
    again.goto(chat.page.url)
    again.wait_for_function(f"{LOADED}.includes('Millrace Maths normal')")
    again.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    assert again.evaluate(SHIFT) <= 0.01


def test_brackets_and_roots_grow_in_the_font_of_formulas(server: Server, upstream: Upstream, visit: Visit) -> None:
    chat = finished(visit, server, upstream, FORMULA)
    chat.page.reload()
    chat.page.wait_for_function(f"{LOADED}.includes('Millrace Maths normal')")
    math = chat.answer.locator("math")
    opening, closing = math.evaluate(HEIGHTS)

    inner = math.locator("mfrac").first.evaluate("fraction => fraction.getBoundingClientRect().height")
    assert opening == closing >= 0.9 * inner > 50
    root, content = (math.locator(tag).last.evaluate("box => box.getBoundingClientRect().height") for tag in ("msqrt", "mfrac"))
    assert root > content


def test_a_person_who_prefers_the_systems_font_loads_none(server: Server, upstream: Upstream, visit: Visit) -> None:
    person = visit(server, is_new=True)
    page = person.open("/settings/look")
    with page.expect_response("**/settings/look"):
        page.get_by_label("System font").check()
    upstream.says("A word, *in italics*.")
    person.requests.clear()
    chat = person.begin("Hello")
    chat.expect("completed")

    expect(chat.answer.locator("em")).to_have_text("in italics")
    assert chat.text.evaluate(FAMILY).startswith("system-ui")
    assert [request.url for request in person.requests if ".woff2" in request.url] == []
