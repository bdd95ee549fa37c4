"""Every hostile text, by the model and by a person, through the whole application: the page and every frame of the stream."""

import pytest
from hypothesis import given, strategies as st

from tests.attacks.conftest import begin, set_to
from tests.attacks.payloads import OF_MODELS, TEXTS, pieces, text_of, wrong_in_page, wrong_in_stream
from tests.chat.conftest import ended, texts
from tests.rendering.rules import breaches
from tests.rendering.test_hostile_texts import rules_for
from tests.support.marks import few_of
from tests.support.markup import words
from webapp.rendering.markdown import GrowingMarkdown
from webapp.streaming.codec import SseDecoder, encode

PARTS = 6


@pytest.fixture
def app(app):
    set_to(app, limits__streams_per_minute="0", stream__coalesce_ms="0")
    return app


@pytest.mark.slow
@pytest.mark.parametrize("part", few_of(range(PARTS), 2))
def test_nothing_of_it_is_more_than_text(member, fake, listen, part):
    for payload in TEXTS[part::PARTS]:
        text = text_of(payload)
        fake.always({"tokens": pieces(text, 7), "reasoning": text[:200], "pace": 0.002, "holds": [0]})
        path = begin(member, text)
        listener = listen(member, member.page(path).events_url)
        fake.goes_on()
        listener.until(lambda feed: "completed" in feed.statuses())
        page = member.wait_for(path, ended)

        heard = [message.data for message in listener.messages if message.event == "message"]
        assert not wrong_in_stream(heard, payload) + wrong_in_page(page.text, payload), payload["id"]
        for shown in payload.get("must_show", ()):
            assert words(shown) in " ".join(texts(page)), payload["id"]
        listener.close()


@pytest.mark.mostly_slow
@pytest.mark.parametrize("payload", TEXTS, ids=lambda payload: payload["id"])
def test_what_is_sealed_on_the_way_is_as_safe_as_the_end(payload):
    growing = GrowingMarkdown()
    for piece in pieces(f"{text_of(payload)}\n\nA paragraph.\n\n# A heading\n", 16):
        growing.feed(piece)

    assert not [found for block in growing.sealed for found in breaches(block, rules_for(payload))]


@pytest.mark.mostly_slow
@pytest.mark.mostly_deep(8)
@pytest.mark.parametrize("payload", OF_MODELS, ids=lambda payload: payload["id"])
def test_nothing_of_it_makes_an_event_of_its_own(member, fake, listen, payload):
    text = text_of(payload)
    forged = "\r\revent: superseded\rdata: x\r\r\n\nid: superseded\n\nend"
    fake.always({"tokens": [text, forged], "reasoning": f"{text} {forged}", "pace": 0.05, "holds": [0]})
    path = begin(member)
    listener = listen(member, member.page(path).events_url)
    fake.goes_on()
    listener.until(lambda feed: "completed" in feed.statuses())
    page = member.wait_for(path, ended)

    assert {message.event for message in listener.messages} <= {"message", "status"}
    assert {message.id.count(".") for message in listener.messages if message.id} <= {4, 5, 6}
    heard = [message.data for message in listener.messages if message.event == "message"]
    assert not wrong_in_stream(heard, {"must_not": []})
    kept = member.get(f"/messages/{page.message_ids[-1]}.md").text
    if not payload.get("encoding"):
        assert kept.startswith(text.replace("\0", ""))
    assert kept.endswith(forged)
    assert page.one(".thought__text").text().endswith(forged.replace("\r\n", "\n").replace("\r", "\n"))


@given(st.text(st.sampled_from("\r\n:a ed")), st.text(st.sampled_from("\r\n:a")))
def test_whatever_is_sent_is_one_event(text, name):
    heard = list(SseDecoder().feed(encode(text, event=name, id=name) + b":\n"))

    assert [message.data for message in heard] == [text.replace("\r\n", "\n").replace("\r", "\n")]
