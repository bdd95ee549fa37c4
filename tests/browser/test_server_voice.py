"""An answer is read aloud with the server's voice: while it grows, stopped, with a voice that fails, and without scripts."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.browser.chats import Person, press
from tests.browser.conftest import Visit, running
from tests.browser.test_read_aloud import VOICE
from tests.models.providers.test_voices import sends, tone
from tests.support.server import Server
from tests.upstream.handle import Upstream
from tests.upstream.server import SPEECH

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def speaking(upstream_process: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A running server with a voice."""
    voice = {"voice__reading_model": "some/voice", "voice__reading_voice": "alloy"}
    with running(tmp_path_factory.mktemp("speaking"), upstream_process, **voice) as server:
        yield server


@pytest.fixture
def server(speaking: Server, upstream: Upstream) -> Server:
    upstream.always(sends(tone(), kind="audio/wav"), at=SPEECH)
    return speaking


@pytest.fixture
def listener(server: Server, visit: Visit) -> Person:
    """A person who has chosen that voice, and whose browser has one as well."""
    person = visit(server)
    person.context.add_init_script(VOICE)
    page = person.open("/settings/chats")
    page.get_by_label("Read aloud with").select_option("server")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status").filter(has_text="Saved.")).to_be_visible()
    page.close()
    return person


def said(upstream: Upstream) -> list[str]:
    return [entry["body"]["input"] for entry in upstream.posts() if entry["path"].endswith(SPEECH)]


def test_the_servers_voice_reads_while_the_answer_grows(upstream: Upstream, listener: Person) -> None:
    upstream.says("One is **here**. Two follows. And three", holds=[4])
    chat = listener.begin("Something that grows")
    chat.answer.get_by_role("button", name="Read aloud").click()
    upstream.until(lambda _: said(upstream) == ["One is here."])
    upstream.goes_on()
    chat.expect("completed")
    upstream.until(lambda _: said(upstream) == ["One is here.", "Two follows.", "And three"])
    expect(chat.page.get_by_role("button", name="Stop reading")).to_have_count(0)
    # What was heard is there.
    chat.deed("Read aloud").click()
    expect(chat.answer.get_by_role("button", name="Stop reading")).to_be_visible()
    expect(chat.page.get_by_role("button", name="Stop reading")).to_have_count(0)
    assert (len(said(upstream)), chat.page.evaluate("said")) == (3, [])


def test_a_stop_reaches_the_model(upstream: Upstream, listener: Person) -> None:
    upstream.always({"steps": [{"hang": True}], "headers": {"Content-Type": "audio/wav"}}, at=SPEECH)
    upstream.says("One is here. Two is there.")
    chat = listener.begin("Something to stop")
    chat.expect("completed")
    chat.deed("Read aloud").click()
    upstream.until(lambda _: said(upstream) == ["One is here."])
    chat.answer.get_by_role("button", name="Stop reading").click()
    upstream.until(lambda log: all(entry["client_closed"] for entry in log if entry["path"].endswith(SPEECH)))


def test_the_browser_reads_on_where_the_server_fails(upstream: Upstream, listener: Person) -> None:
    upstream.behaves([sends(tone(), kind="audio/wav")], at=SPEECH)
    upstream.always({"html": "<p>Hello"}, at=SPEECH)
    upstream.says("One is here. Two is there.")
    chat = listener.begin("Something that fails")
    chat.expect("completed")
    chat.deed("Read aloud").click()
    expect(chat.page.locator("#toasts")).to_contain_text("returned a web page instead of an answer")
    expect(chat.page.locator("#toasts")).to_contain_text("Continuing with your browser's voice.")
    assert [words for words, _ in chat.page.evaluate("said")] == ["Two is there."]


def test_without_scripts_an_answer_is_heard_on_a_page(server: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.says("One is here. Two is there.")
    person = visit(server, java_script_enabled=False)
    chat = person.begin("Something to hear")
    page = chat.page
    # What is heard is what is there.
    chat.expect("completed")
    press(page, chat.answer.get_by_role("link", name="Actions"))
    press(page, page.get_by_role("link", name="Listen"))
    player = page.locator("audio")
    expect(player).to_be_visible()
    expect(player).to_have_attribute("preload", "none")
    assert said(upstream) == []
    box = player.bounding_box()
    assert box
    page.mouse.click(box["x"] + 24, box["y"] + box["height"] / 2)
    upstream.until(lambda _: said(upstream) == ["One is here. Two is there."])
