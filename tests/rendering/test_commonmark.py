"""Conformance: the parser follows the specification, except for the few documented differences."""

from markdown_it.renderer import RendererHTML

from tests.rendering.corpus import examples
from webapp.rendering.markdown_rules import parser

# The differences: bare links, headings below the page's own, and links to the web only.
markdown = parser()
markdown.core.ruler.disable(["links_we_allow", "bare_links", "below_the_title"])
COMMON = [example for example in examples() if "<" not in example[0]]


def test_most_examples_are_looked_at() -> None:
    assert len(COMMON) > 500


def test_the_examples_mean_what_they_should() -> None:
    assert not [(source, html, ours(source)) for source, html in COMMON if ours(source) != html]


def ours(source: str) -> str:
    tokens = [token for token in markdown.parse(source) if token.type != "definition"]
    # The specification writes an empty blockquote on two lines.
    return RendererHTML().render(tokens, markdown.options, {}).replace("<blockquote></", "<blockquote>\n</")
