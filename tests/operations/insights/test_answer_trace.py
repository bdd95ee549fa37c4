"""The page of one answer: a timeline, its parameters, and what only its owner sees."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update

from tests.operations.insights.test_insights import Made, made
from tests.support.browser import Browser
from webapp.base.db import utc_now, write
from webapp.engine.tables import Generation
from webapp.operations.insights.shown import TRACE_WIDTH, attempt_text, saved_ms, spans, status_text

__all__ = ["made"]
ASKED = utc_now().replace(microsecond=0)


def after(ms: int | None) -> Any:
    return None if ms is None else ASKED + timedelta(milliseconds=ms)


def one(begun: int | None, first: int | None, ended: int | None) -> Generation:
    return Generation(created_at=ASKED, started_at=after(begun), first_text_at=after(first), ended_at=after(ended))


@pytest.mark.parametrize(
    ("times", "wanted", "saved"),
    [
        ((100, 500, 2_000), [100, 400, 1_500], 1_500),
        ((None, None, 300), [300], None),
        ((100, None, 300), [100, 200], None),
        ((0, 0, 0), [0, 0, 0], 0),
        # As if the clock had been set back.
        ((100, 50, 300), [100, 0, 200], 250),
        ((None, None, None), [], None),
    ],
)
def test_the_spans_are_the_whole_time(times: tuple[int | None, ...], wanted: list[int], saved: int | None) -> None:
    found = spans(one(*times))
    assert [span.ms for span in found] == wanted
    assert saved_ms(one(*times)) == saved
    assert sum(span.width for span in found) == pytest.approx(TRACE_WIDTH if sum(wanted) else 0, abs=0.05)


@pytest.mark.slow
def test_the_page_tells_where_time_went_and_what_was_asked_with(app: Flask, made: Made, owner: Browser, member: Browser) -> None:
    sections = [
        {"title": "Character", "text": "Words that stay here.", "origin": "Ada", "tokens": 12},
        {"title": "Custom instructions", "text": "Words that stay here.", "is_private": True, "tokens": 3},
        {"title": "A page of a diary", "text": "Words that stay here.", "passage_id": "gone", "tokens": 9},
    ]
    prompt = {
        "sections": sections,
        "dropped": [{"title": "Lore", "tokens": 7}],
        "messages": [["a", 1], ["b", 2]],
        "sources": [{"number": 1, "passage_id": "gone", "document_id": "gone"}],
    }
    (row,) = made(1, user_id=member.person_id)
    with app.app_context(), write() as session:
        session.execute(update(Generation).where(Generation.id == row["id"]).values(prompt=prompt))
    path = f"/insights/answers/{row['id']}"
    mine, theirs = member.page(path), owner.page(path)
    for page in (mine, theirs):
        assert page.says("Waiting saved 1.8 s, as the text appeared while it was written")
        assert page.says("Writing: 1.8 s")
        assert page.says("about 12 tokens")
        assert page.says("left out to fit the context window")
        assert page.says("2 messages of the chat")
        assert page.says("The document was deleted.")
        assert not page.says("Words that stay here.")
    assert mine.says("from Ada")
    assert mine.says("Custom instructions")
    assert theirs.says("Something private")
    assert not theirs.says("Ada")
    assert not theirs.says("diary")


@pytest.mark.parametrize(
    ("attempt", "text"),
    [
        (
            {"model": "demo/quick", "how": "stream", "seconds": 0.5, "code": "rate", "message": "Too many requests."},
            "Demo: quick failed after 500 ms: Too many requests.",
        ),
        (
            {"model": "demo/quick", "how": "whole", "seconds": 0.0, "code": "rate", "message": ""},
            "Demo: quick failed without streaming: rate",
        ),
        (
            {"model": "demo/quick", "how": "kept", "code": "mended", "message": ""},
            "What had arrived of an incomplete reply was kept.",
        ),
        ({"model": "demo/quick", "how": "new", "code": "mended", "message": ""}, "The reply was repaired."),
    ],
)
def test_an_attempt_is_a_sentence(app: Flask, attempt: dict[str, Any], text: str) -> None:
    with app.test_request_context():
        assert attempt_text(attempt) == text


@pytest.mark.parametrize(
    ("status", "reason", "text"),
    [
        ("interrupted", "server_restart", "interrupted by a server restart"),
        ("stopped", "user", "stopped by a person"),
        ("completed", "stop", "completed"),
        ("failed", "auth", "failed (auth)"),
        ("completed", "", "completed"),
    ],
)
def test_how_an_answer_ended_is_told_in_words(status: str, reason: str, text: str) -> None:
    assert status_text(status, reason) == text
