"""Conformance: what the parser understands is what the specification says, but for our few differences."""

from markdown_it.renderer import RendererHTML

from tests.rendering.corpus import examples
from webapp.rendering.grammar import parser

# Bare links, headings below the page's and links to the web only are ours.
markdown = parser()
markdown.core.ruler.disable(["links_we_allow", "bare_links", "below_the_title"])
COMMON = [example for example in examples() if "<" not in example[0]]


def test_most_examples_are_looked_at() -> None:
    assert len(COMMON) > 500


def test_the_examples_mean_what_they_should() -> None:
    assert not [(source, html, ours(source)) for source, html in COMMON if ours(source) != html]


def ours(source: str) -> str:
    tokens = [token for token in markdown.parse(source) if token.type != "definition"]
    # An empty quotation is written on one line.
    return RendererHTML().render(tokens, markdown.options, {}).replace("<blockquote></", "<blockquote>\n</")
