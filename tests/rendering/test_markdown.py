"""The growing rendering against the rendering of the whole, for every way of cutting."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.rendering.corpus import Page, cut, sizes, texts
from webapp.rendering.markdown import GrowingMarkdown, Seam, render
from webapp.rendering.sanitise import clean

LABEL = "continued <14:03>"
calm = st.sampled_from([20, 200, 2_000])


def grown(text: str, sizes: list[int], seams: list[Seam], calm_chars: int = 2_000) -> GrowingMarkdown:
    """The text fed in pieces, with everything that must hold on the way."""
    growing, page = GrowingMarkdown(seams, calm_chars=calm_chars), Page()
    for piece in cut(text, sizes):
        page.apply(growing.feed(piece))
        assert growing.snapshot() == page.html == "".join(growing.sealed) + growing.tail
    return growing


def check_the_end(text: str, sizes: list[int], calm_chars: int, cuts: list[float]) -> None:
    seams = [Seam(round(at * len(text)), LABEL) for at in cuts]
    growing = grown(text, sizes, seams, calm_chars)
    sealed = "".join(growing.sealed)
    whole = growing.finish()
    assert whole.html == render(text, seams)
    assert whole.differs or whole.html.startswith(sealed)
    assert whole.html.count('<div class="seam">') == len(seams)
    assert clean(whole.html) == whole.html


documents = given(texts(), sizes, calm, st.lists(st.floats(0, 1), max_size=3))


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@documents
def test_it_ends_as_the_rendering_of_the_whole(text: str, sizes: list[int], calm_chars: int, cuts: list[float]) -> None:
    check_the_end(text, sizes, calm_chars, cuts)


@pytest.mark.slow
@settings(max_examples=1_500, deadline=None, suppress_health_check=list(HealthCheck))
@documents
def test_it_ends_as_the_rendering_of_many_wholes(text: str, sizes: list[int], calm_chars: int, cuts: list[float]) -> None:
    check_the_end(text, sizes, calm_chars, cuts)
