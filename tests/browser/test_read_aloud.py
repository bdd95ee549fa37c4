"""An answer is read aloud with the browser's speech synthesis."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.support.server import Server
from tests.upstream.handle import Upstream

pytestmark = pytest.mark.slow
# A fake voice that records its texts, and finishes one when the test says so.
VOICE = """
window.said = [], window.cancelled = 0;
window.SpeechSynthesisUtterance = class { constructor(text) { this.text = text; } };
Object.defineProperty(window, 'speechSynthesis', {value: {
  getVoices() { return [{name: 'A voice'}]; },
  speak(speech) { said.push([speech.text, speech.lang]); window.speech = speech; },
  cancel() { cancelled++; const { onerror } = window.speech ?? {}; setTimeout(() => onerror?.()); },
}});
"""
MUTE = "Object.defineProperty(window, 'speechSynthesis', {value: undefined});"
NO_VOICE = "speechSynthesis.getVoices = () => [];"
TEXT = "One is **here**. Two is 2.5 long.\n\n```python\nprint(1)\n```\n\n- first\n- last"


def test_an_answer_is_read_without_its_code(server: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.says(TEXT)
    person = visit(server, locale="en-GB")
    person.context.add_init_script(VOICE)
    chat = person.begin("Something to hear")
    chat.expect("completed")
    chat.deed("Read aloud").click()
    expect(chat.answer.locator(".deeds")).to_be_hidden()
    for _ in range(3):
        chat.page.evaluate("speech.onend()")
    assert chat.page.evaluate("said") == [
        ["One is here.", "en-GB"],
        ["Two is 2.5 long.", "en-GB"],
        ["first", "en-GB"],
        ["last", "en-GB"],
    ]
    chat.page.evaluate("speech.onend()")
    expect(chat.deed("Read aloud")).to_be_visible()


def test_reading_is_stopped_and_begins_again(server: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.says(TEXT)
    person = visit(server)
    person.context.add_init_script(VOICE)
    chat = person.begin("Something to stop")
    chat.expect("completed")
    chat.deed("Read aloud").click()
    before = chat.page.evaluate("cancelled")
    # Below the answer, so that it is found at once.
    chat.answer.get_by_role("button", name="Stop reading").click()
    assert chat.page.evaluate("[cancelled, said.length]") == [before + 1, 1]
    chat.answer.get_by_role("button", name="Read aloud").click()
    chat.page.evaluate("speech.onend()")
    assert [words for words, _ in chat.page.evaluate("said")] == ["One is here.", "One is here.", "Two is 2.5 long."]
    expect(chat.answer.get_by_role("button", name="Stop reading")).to_be_visible()


@pytest.mark.mostly_deep
@pytest.mark.parametrize("without", [MUTE, NO_VOICE])
def test_it_is_not_offered_without_a_voice(server: Server, upstream: Upstream, visit: Visit, without: str) -> None:
    upstream.says(TEXT)
    person = visit(server)
    person.context.add_init_script(without)
    chat = person.begin("Nothing to hear")
    chat.expect("completed")
    expect(chat.deed("Delete")).to_be_visible()
    expect(chat.answer.locator(".aloud")).to_have_css("display", "none")
