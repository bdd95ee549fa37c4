"""Dictation with a microphone that plays a file: a tone, which counts as speech, and then silence."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.chats import load
from tests.browser.chromium import ARGUMENTS, executable
from tests.browser.conftest import Visit, running
from tests.browser.test_accessibility import overflows, violations
from tests.browser.test_tools import DESK, PHONE
from tests.models.providers.test_recordings import spoken
from tests.support.server import Server
from tests.upstream.handle import Upstream
from tests.upstream.server import TRANSCRIPTIONS

pytestmark = pytest.mark.slow
SAID = {"json": {"text": "Buy oats."}}
BUSY = {"status": 500, "json": {"error": {"message": "Out of memory"}}}
LOUD = re.compile(r"--level: (0\.[5-9]|1)")
DENIED = """if (navigator.mediaDevices)
    navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('No', 'NotAllowedError'));"""
MAY_LISTEN = "() => document.featurePolicy.allowsFeature('microphone')"


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recorded") / "speech.wav"
    path.write_bytes(spoken(4, silence=20, rate=48_000))
    return path


@pytest.fixture(scope="module")
def chromium(chromium: Browser, recorded: Path) -> Iterator[Browser]:
    """A browser that lets every page that may ask use its microphone."""
    fake = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    file = f"--use-file-for-fake-audio-capture={recorded}%noloop"
    browser = chromium.browser_type.launch(executable_path=executable(), args=[*ARGUMENTS, *fake, file])
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def listening(upstream_process: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A running server with a model for dictation."""
    model = "openai/gpt-4o-mini-transcribe"
    with running(tmp_path_factory.mktemp("listening"), upstream_process, voice__dictation_model=model) as server:
        yield server


@pytest.fixture
def server(listening: Server, upstream: Upstream) -> Server:
    upstream.always(SAID, at=TRANSCRIPTIONS)
    return listening


def press(page: Page) -> None:
    page.get_by_role("button", name="Dictate").click()
    expect(page.locator("#composer-dictation [role=status]")).to_have_text("Listening…")


@pytest.mark.parametrize("look", [DESK, {**PHONE, "color_scheme": "dark"}], ids=["desk", "dark phone"])
def test_what_is_said_is_written_at_the_caret(server: Server, upstream: Upstream, visit: Visit, look: dict[str, object]) -> None:
    page = visit(server, is_new=True, **look).open("/")
    box = page.get_by_role("textbox", name="Message")
    box.fill("Please: now")
    box.evaluate("box => box.setSelectionRange(7, 7)")
    press(page)
    expect(page.locator("#composer-dictation")).to_have_attribute("style", LOUD)
    assert overflows(page) == []
    with page.expect_request("**/draft"):
        # The silence ends it.
        expect(box).to_have_value("Please: Buy oats. now")
    expect(box).to_be_focused()
    expect(page.locator("#composer-dictation [role=status]")).to_have_text("")
    (entry,) = upstream.posts()
    assert 'filename="recording.webm"' in entry["body"]
    page.keyboard.press("Control+z")
    expect(box).to_have_value("Please: now")
    assert not page.evaluate(f"({MAY_LISTEN})() === false")


def test_a_recording_that_could_not_be_written_down_stays(server: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.behaves([BUSY], at=TRANSCRIPTIONS)
    page = visit(server, is_new=True, **DESK).open("/")
    press(page)
    # Escape ends it, too.
    page.keyboard.press("Escape")
    status = page.locator("#composer-dictation [role=status]")
    expect(status).to_contain_text("Out of memory")
    assert violations(page) == []
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("textbox", name="Message")).to_have_value("Buy oats.")
    first, second = (entry["body"].partition("Content-Type: audio")[2].partition("\r\n--")[0] for entry in upstream.posts())
    assert first == second
    # Discarded, nothing is sent.
    press(page)
    page.get_by_role("button", name="Discard recording").click()
    expect(status).to_have_text("")
    expect(page.get_by_role("textbox", name="Message")).to_have_value("Buy oats.")
    assert len(upstream.posts()) == 2


def test_a_microphone_that_is_denied_is_said(server: Server, visit: Visit) -> None:
    person = visit(server, is_new=True, **DESK)
    person.context.add_init_script(DENIED)
    page = person.open("/")
    page.get_by_role("button", name="Dictate").click()
    expect(page.locator("#composer-dictation [role=status]")).to_contain_text("Allow it in the address bar")
    page.get_by_role("button", name="Discard recording").click()
    expect(page.locator("#composer-dictation [role=status]")).to_have_text("")


def test_a_chat_can_listen_wherever_one_comes_from(server: Server, visit: Visit) -> None:
    page = visit(server, is_new=True, **DESK).open("/chats")
    assert page.evaluate(MAY_LISTEN) is False
    page.get_by_role("link", name="New chat").first.click()
    press(page)
    assert page.evaluate(MAY_LISTEN) is True


def test_without_scripts_a_recording_is_chosen(server: Server, visit: Visit, recorded: Path) -> None:
    page = visit(server, is_new=True, **PHONE, java_script_enabled=False).open("/")
    box = page.get_by_role("textbox", name="Message")
    box.fill("Please:")
    assert overflows(page) == []
    page.get_by_label("Recording").set_input_files(recorded)
    assert load(page, page.get_by_role("button", name="Transcribe")).ok
    expect(box).to_have_value("Please: Buy oats.")


def test_the_microphone_stays_when_an_answer_has_come(server: Server, visit: Visit) -> None:
    chat = visit(server, is_new=True, **DESK).begin("Hello")
    chat.expect("completed")
    expect(chat.page.get_by_role("button", name="Dictate")).to_be_visible()
