"""Syntax highlighting: few classes, few languages, little time."""

import re
from html import unescape
from itertools import count

import pytest

from tests.rendering.corpus import examples
from tests.support.speed import takes_at_most
from webapp.rendering.code import ALIASES, LANGUAGES, MAX_CHARS, MAX_LINE_CHARS, PALETTE, Highlighter, at_first_code

SAMPLE = "\n\t# a\n// b\nclass C<T>: 'd' \"e\\n\" 1.5 None $f @g\n\r\x0c<h i='j'>k</h>\n+l\n-m\n\n"


def text_of(markup: str) -> str:
    return unescape(re.sub(r"<[^>]*>", "", markup))


@pytest.mark.mostly_slow
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_shows_the_code_as_it_is(language: str) -> None:
    for code in (SAMPLE, "", "\n", " a", *(source for source, _ in examples()[::20])):
        markup = Highlighter().markup(code, language)
        assert text_of(markup) == code
        assert set(re.findall(r'class="([^"]*)"', markup)) <= PALETTE


@pytest.mark.parametrize(
    ("language", "code", "markup"),
    [
        ("py", "def f(): pass", '<span class="k">def</span> <span class="f">f</span>(): <span class="k">pass</span>'),
        ("JS", "'a'", "<span class=\"s\">'a'</span>"),
        ("sh", "# a\n", '<span class="c"># a</span>\n'),
        ("php", "return 1;", '<span class="k">return</span> <span class="n">1</span>;'),
        ("patch", "+a\n-b\n", '<span class="i">+a</span>\n<span class="d">-b</span>\n'),
        ("htm", "<p>", '&lt;<span class="k">p</span>&gt;'),
    ],
)
def test_a_language_is_known_by_its_other_names(language: str, code: str, markup: str) -> None:
    assert Highlighter().markup(code, language).replace("\n</span>", "</span>\n") == markup


@pytest.mark.parametrize(
    ("language", "code"),
    [("brainfuck", "<"), ("", "<"), ("../py", "<"), ("py", "1\n" * (MAX_CHARS // 2 + 1)), ("py", "1 " * MAX_LINE_CHARS)],
)
def test_what_it_does_not_know_or_is_too_big_stays_plain(language: str, code: str) -> None:
    assert Highlighter().markup(code, language) == code.replace("<", "&lt;")


def test_the_rest_is_plain_when_the_time_is_used_up() -> None:
    seconds = count()
    highlighter = Highlighter(clock=lambda: float(next(seconds)), block_seconds=3.5, text_seconds=1_000)
    assert highlighter.markup("1 2 3 4 <", "py") == '<span class="n">1</span> <span class="n">2</span> 3 4 &lt;'


def test_many_blocks_share_one_time() -> None:
    seconds = count()
    highlighter = Highlighter(clock=lambda: float(next(seconds)), block_seconds=100, text_seconds=3)
    assert "<span" in highlighter.markup("1 2", "py")
    assert "<span" not in highlighter.markup(" 3 4", "py")


def test_code_seen_before_costs_nothing() -> None:
    seconds = count()
    highlighter = Highlighter(clock=lambda: float(next(seconds)), block_seconds=100, text_seconds=1_000)
    markup, used = highlighter.markup("1", "py"), next(seconds)
    assert highlighter.markup("1", "python") == markup
    assert next(seconds) == used + 1


def test_what_waits_for_the_first_code_is_called_once_and_not_for_plain_text() -> None:
    called: list[str] = []
    at_first_code.append(lambda: called.append("now"))

    Highlighter().markup("1", "no language")
    assert not called
    for code in ("1", "2"):
        Highlighter().markup(code, "py")
    assert called == ["now"]


@pytest.mark.slow
def test_hostile_code_is_done_soon() -> None:
    with takes_at_most(2):
        for language, unit in [("c", "\n"), ("java", "a\n"), ("csharp", "a \n"), ("ini", ":: "), ("make", "1"), ("ts", "a.")]:
            Highlighter().markup((unit * MAX_CHARS)[:MAX_CHARS], language)


# Openings that may never be closed, or that are ambiguous, in one language or another.
HOSTILE = (
    '"', "'", "`", '"""', "'''", "/*", "//", "<", "<!--", "<a b=", "{", "(", "[", "\\", "${", "$(", "@", "%", "<<A",
    "0x", "1.", "a ", "a.", "a:", "a=", "a(", "a<", "a::", "_", "*", 'r#"', 'f"{', "%q(", "{-", "<?php ", "{{", "{%",
    "#{", "class ", "public static ", "if ", "=begin", "key: ", "- ", "[a](", "**a", "A<B<", "aA<B<", "function ",
    "type a = ", "#define a \\", "&a;", '"\\', "a'b", "@a(", "```", "| ",
)  # fmt: skip
LINES = 45


@pytest.mark.slow
@pytest.mark.mostly_deep
@pytest.mark.parametrize("language", LANGUAGES)
def test_no_piece_of_hostile_code_takes_long_in_any_language(language: str) -> None:
    """The time limit can be exceeded: a lexer cannot be interrupted in the middle of a match."""
    for unit in HOSTILE:
        line = (unit * MAX_LINE_CHARS)[: MAX_LINE_CHARS - 1] + "\n"
        with takes_at_most(1, unit):
            Highlighter(block_seconds=0.01).markup(line * LINES, language)


def test_there_are_about_thirty_languages() -> None:
    assert len(LANGUAGES) < 40
    assert set(ALIASES.values()) == set(LANGUAGES)
