"""CSS rules for the page's frame must not make the browser search all messages."""

import re
from pathlib import Path

import pytest

SHEETS = sorted((Path(__file__).parents[1] / "static" / "css").rglob("*.css"))
# On these elements, `:has` with a descendant selector is searched again whenever something is added below; children and
# siblings are cheap.
WIDE = re.compile(r"\b(?:body|html|main)[^\s{,]*:has\((?!\s*[>+~])|\.(?:frame|page|page__main|thread):has\((?!\s*[>+~])")


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda sheet: sheet.name)
def test_no_rule_searches_all_of_a_page_that_grows(sheet: Path) -> None:
    assert WIDE.findall(sheet.read_text()) == []


# Inside messages, classes are used instead of `:has`: each piece of text would make the browser evaluate all such rules again.
# Only the text direction is known to the browser alone; it is queried only on elements that contain right-to-left letters.
INSIDE = re.compile(
    r"\.(?:message|thought|aside|actions|receipt|versions|notices|tail)\b[^{},]*"
    r":has\((?!> :dir|:is\(th, td\):dir)"
)


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda sheet: sheet.name)
def test_no_rule_asks_a_message_what_it_holds(sheet: Path) -> None:
    assert INSIDE.findall(sheet.read_text()) == []


@pytest.mark.parametrize("rule", [".message-text table:has(th)", ".aside:not(:has(.receipt)) a", ".thought:has(i)"])
def test_such_a_question_would_be_found(rule: str) -> None:
    assert INSIDE.search(rule)


@pytest.mark.parametrize("rule", ["body:has(.dock) a", "html:not(.x):has(p)", ".frame:has(.message)"])
def test_such_a_rule_would_be_found(rule: str) -> None:
    assert WIDE.search(rule)


RULE = re.compile(r"([^{}]+)\{([^{}]{50,})\}")


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda sheet: sheet.name)
def test_no_long_rule_is_written_twice(sheet: Path) -> None:
    rules = [(selector.strip(), body.strip()) for selector, body in RULE.findall(sheet.read_text())]
    assert [rule for place, rule in enumerate(rules) if rule in rules[:place]] == []


# A browser indexes a sibling rule by its last part: with `p` alone, it restyles every paragraph of the page whenever a form is
# added or removed, ten thousand in a long answer.
BESIDE = re.compile(r"[+~] (?:p|li|ul|ol|pre|table|blockquote|h[1-6])(?=[\s,{])")


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda sheet: sheet.name)
def test_what_stands_beside_something_is_known_by_a_class(sheet: Path) -> None:
    assert BESIDE.findall(sheet.read_text()) == []


@pytest.mark.parametrize("rule", [".sheet form + p { margin: 0; }", "a ~ h2, b { margin: 0; }"])
def test_a_tag_beside_something_would_be_found(rule: str) -> None:
    assert BESIDE.search(rule)


def test_no_sentence_is_a_field() -> None:
    """A field is a grid, and each link or time in a sentence that is one has a row of its own."""
    templates = SHEETS[0].parents[2] / "templates"
    assert [
        path.name for path in templates.rglob("*.html") if re.search(r'<p class="[^"]*\bfield help\b', path.read_text())
    ] == []


# A rule about a message's state whose last part can be any element is matched again with all elements of the message when it
# ends, or a pointer comes over it: a third of a second in a long answer.
OF_ALL = re.compile(r"\.message[^\s{,>+~]*(?::hover|:focus|:last|\[data-)[^{,]*?[>\s](?:\*|:not\([^{]*?\))\s*(?=[,{])")


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda sheet: sheet.name)
def test_no_rule_of_a_message_s_state_is_about_all_in_it(sheet: Path) -> None:
    assert OF_ALL.findall(re.sub(r"\[[^\]]*\]|:is\([^{]*?\)", lambda found: found[0].replace(",", ";"), sheet.read_text())) == []


@pytest.mark.parametrize("rule", [".message:is(:hover; :x) .actions\n  > * {", '.message[data-status="x"] .a > :not(.b; .c) {'])
def test_such_a_rule_of_all_would_be_found(rule: str) -> None:
    assert OF_ALL.search(rule)
