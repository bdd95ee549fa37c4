"""The completions that the editor of workflows offers."""

import pytest

from tests.support.browser import Browser
from webapp.workflows.editor.schema import MOST, completions

TEXT = """workflow: tea
title: Tea
slots:
  leaf: {type: choice, options: [green, black]}
  time: {type: date}
steps:
  - id: hello
    say: Hello
  - collect: leaf
    next: [{if: leaf == "green", go: hello}]
"""


def offered(more: str, text: str = TEXT) -> list[str]:
    return [completion.word for completion in completions(text + more, len(text + more))]


@pytest.mark.parametrize(
    ("more", "first"),
    [
        ("ti", ["title"]),
        ("  - co", ["collect"]),
        ("  - collect: ", ["leaf", "time"]),
        ("  - collect: t", ["time"]),
        ("  - chat: Hi\n    max", ["max_sentences", "max_tokens"]),
        ("    max", []),
        ("  - id: bye\n    en", ["end"]),
        ("  - id: bye\n    end: Bye\n    ", ["id", "next"]),
        ("    next: h", ["hello"]),
        ("    next: [{go: ", ["hello", "leaf"]),
        ("    next: [{if: l", ["leaf"]),
        ("    next: [{if: leaf == time and ", ["leaf", "time"]),
        ("  - say: Here is {{", ["leaf", "time", "user.first_name", "user.name"]),
        ("  - say: Dear {{user.f", ["user.first_name"]),
        ("  - say: the ", []),
        ("  - say", []),
    ],
)
def test_what_fits_is_offered_where_one_writes(more: str, first: list[str]) -> None:
    assert offered(more) == first


@pytest.mark.parametrize(
    ("more", "first"),
    [("  cup: {ty", ["type"]), ("  cup: {type: y", ["yes/no"]), ("  cup:\n    opt", ["options", "optional"])],
)
def test_slots_have_words_of_their_own(more: str, first: list[str]) -> None:
    assert offered(more, "workflow: tea\nslots:\n") == first


def test_what_is_offered_comes_behind_what_was_typed_and_is_not_much() -> None:
    assert [(completion.word, completion.rest) for completion in completions("ti", 2)] == [("title", "tle: ")]
    assert [completion.rest for completion in completions("steps:\n  - say: {{user.n", 24)] == ["ame}}"]
    assert len(completions("steps:\n  - ", 11)) == MOST
    assert completions("", 0)
    assert completions("x", 99) == []
    for hostile in ("{", "a", "if:", " ", "\n", "id: ", "\nslots:\n x:"):
        assert len(completions(hostile * 60_000 + " !", 10**9)) <= MOST


def test_the_editor_asks_for_it(owner: Browser, member: Browser) -> None:
    assert 'data-rest="tle: "' in owner.post("/workflows/complete", source="ti", at="2").text
    assert owner.post("/workflows/complete", source="ti", at="x").status_code == 200
    assert member.post("/workflows/complete", source="ti", at="2").status_code == 403
