"""What a user sees after an upstream error: a message, the text so far, and the next step."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.chats import ChatPage, Person, reload
from tests.browser.conftest import Visit, made
from tests.support.server import Server
from tests.upstream.handle import Upstream


def refused(status: int, words: str) -> dict[str, Any]:
    return {"status": status, "json": {"error": {"code": status, "message": words}}}


SAID = "w000001 w000002 w000003 w000004 w000005"
AFTER_TEXT = {
    "cut": ({"cut_after": 5, "cut": "fin"}, "was lost"),
    "reset": ({"cut_after": 5, "cut": "rst"}, "was lost"),
    "error": ({"error_after": 5, "error": {"code": 502, "message": "The model has fallen over"}}, "The model has fallen over"),
    "stall": ({"stall_after": 5}, "silent"),
    "stall with comments": ({"stall_after": 5, "stall_comments": 0.2}, "silent"),
    "no marker": ({"counted": 5, "finish": None, "done": False}, "before"),
}
BEFORE_TEXT: dict[str, tuple[dict[str, Any], str]] = {
    "401": (refused(401, "No auth credentials found"), "Check the key of 127.0.0.1"),
    "402": (refused(402, "Insufficient credits"), "Add credit"),
    "429": (refused(429, "Rate limited"), "Wait a moment"),
    "502 as a web page": ({"status": 502, "html": "<html><h1>Bad <b>gateway</b></h1></html>"}, "502"),
    "200 as a web page": ({"html": "<html><h1>Captive portal</h1></html>"}, "web page"),
    "nonsense": ({"steps": [{"send": "data: {nonsense\n\n"}] * 3}, "isn't a model's answer"),
}


@pytest.fixture(scope="module")
def impatient(upstream_process: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a timeout of a few seconds for every model."""
    with made(tmp_path_factory.mktemp("impatient"), upstream_process) as server:
        server.set(stream__stall_seconds="4", limits__streams_burst="1000")
        server.start()
        yield server


@pytest.mark.mostly_deep
@pytest.mark.parametrize(("fault", "words"), AFTER_TEXT.values(), ids=AFTER_TEXT.keys())
def test_after_some_text_it_is_kept_and_can_be_continued(
    impatient: Server, upstream: Upstream, visit: Visit, fault: dict[str, Any], words: str
) -> None:
    chat = asked(visit(impatient), upstream, {"counted": 12, "pace": 0.02, **fault})
    chat.expect("interrupted")
    assert chat.raw().split() == SAID.split()
    sentence = notice(chat, words)
    expect(chat.go_on).to_be_visible()
    expect(chat.again).to_be_visible()
    expect(chat.send).to_be_visible()
    live = chat.html()
    reload(chat.page)
    assert chat.html() == live
    assert notice(chat, words) == sentence
    upstream.counts(12)
    chat.go_on.click()
    chat.expect("completed")
    assert chat.raw().split()[-1] == "w000012"
    expect(chat.answer.locator(".notice--amber, .notice--red")).to_have_count(0)


@pytest.mark.mostly_deep(2)
@pytest.mark.parametrize(("fault", "words"), BEFORE_TEXT.values(), ids=BEFORE_TEXT.keys())
def test_before_any_text_it_says_why_and_offers_to_try_again(
    impatient: Server, upstream: Upstream, visit: Visit, fault: dict[str, Any], words: str
) -> None:
    chat = asked(visit(impatient), upstream, fault)
    chat.expect("failed", seconds=45)
    sentence = notice(chat, words)
    assert "<" not in sentence
    assert "0123456789abcdef" not in chat.page.content()
    expect(chat.again).to_be_visible()
    expect(chat.go_on).to_have_count(0)
    expect(chat.send).to_be_visible()
    upstream.says("Now it works.")
    chat.again.click()
    chat.wait_for("Now it works.")
    chat.expect("completed")
    expect(chat.answer.locator(".notice--red")).to_have_count(0)


def test_a_continue_that_fails_keeps_the_text_and_the_offer(impatient: Server, upstream: Upstream, visit: Visit) -> None:
    chat = asked(visit(impatient), upstream, {"counted": 12, "pace": 0.02, "cut_after": 5})
    chat.expect("interrupted")
    upstream.always(refused(401, "No auth credentials found"))
    chat.go_on.click()
    chat.expect("failed")
    notice(chat, "Check the key of 127.0.0.1")
    assert chat.raw().split() == SAID.split()
    upstream.counts(12)
    chat.go_on.click()
    chat.expect("completed")
    assert chat.raw().split()[-1] == "w000012"


def test_a_length_limit_is_told_and_can_be_continued(impatient: Server, upstream: Upstream, visit: Visit) -> None:
    chat = asked(visit(impatient), upstream, {"counted": 6, "finish": "length"})
    chat.expect("completed")
    notice(chat, "length limit")
    upstream.counts(12)
    chat.go_on.click()
    expect(chat.text).to_contain_text("w000012")


def test_an_empty_answer_is_said_to_have_no_text(impatient: Server, upstream: Upstream, visit: Visit) -> None:
    chat = asked(visit(impatient), upstream, {"says": ""})
    expect(chat.answer).to_contain_text("returned no text")
    expect(chat.again).to_be_visible()


def asked(person: Person, upstream: Upstream, behaviour: dict[str, Any]) -> ChatPage:
    """A chat whose second answer behaves as given; the first succeeds, so that the circuit breaker stays closed."""
    upstream.says("Fine.")
    chat = person.begin("How are you?")
    chat.expect("completed")
    upstream.always(behaviour)
    chat.ask("Go on")
    return chat


def notice(chat: ChatPage, words: str) -> str:
    """Returns all notices of the answer, once the last contains the words; asserts that none is repeated."""
    chat.page.wait_for_load_state()
    lines = chat.answer.locator(".notices .notice")
    expect(lines.last).to_contain_text(words)
    said = lines.all_inner_texts()
    assert len(said) == len(set(said))
    return "\n".join(said)
