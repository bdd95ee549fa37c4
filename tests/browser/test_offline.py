"""A phone in a tunnel: chats can be read, what is written is sent once and in order, and signing out leaves nothing."""

import json
import random
from functools import partial

import pytest
from playwright.sync_api import Error, Page, expect

from tests.browser.chats import ChatPage, Person, reload, sign_out, until
from tests.browser.conftest import Visit
from tests.support.rounds import ROUNDS
from tests.support.server import Server
from tests.upstream.handle import Upstream

pytestmark = pytest.mark.slow
PHONE = {"viewport": {"width": 390, "height": 760}, "has_touch": True, "is_mobile": True, "service_workers": "allow"}
FLIPS = 200 if ROUNDS > 1 else 6
IS_CONTROLLED = "() => Boolean(navigator.serviceWorker.controller)"
KEPT = """async () => Promise.all((await caches.keys()).filter(name => !name.startsWith('shell')).map(async name =>
  [name, (await (await caches.open(name)).keys()).map(({url}) => new URL(url).pathname)]))"""
# What only a real push service can do.
PUSHED = """
window.asked = 0;
Object.defineProperty(Notification, 'permission', {get: () => window.granted ?? 'default', configurable: true});
Notification.requestPermission = async () => { asked++; return window.granted = window.wanted ?? 'granted'; };
const keys = {p256dh: 'key', auth: 'secret'};
const pushManager = {
  getSubscription: async () => null,
  subscribe: async (options) => (window.options = options, {toJSON: () => ({endpoint: 'https://push.example/1', keys})}),
};
const worker = {get: async () => ({pushManager}), configurable: true};
if (isSecureContext) Object.defineProperty(navigator.serviceWorker, 'ready', worker);
"""
FORM = """() => {
  document.querySelector('main').innerHTML = `<form data-push="AQID-_8" action="/help" hidden>
    <input type="hidden" name="endpoint"><input type="hidden" name="p256dh"><input type="hidden" name="auth">
    <input name="name"><button>Turn on notifications in this browser</button></form>
    <p class="push-missing">This device can be told if its browser runs scripts.</p>`;
  return import('/static/js/push.js');
}"""


@pytest.fixture
def phone(server: Server, upstream: Upstream, visit: Visit) -> Person:
    upstream.says("One.")
    return visit(server, is_new=True, **PHONE)


def controlled(page: Page) -> None:
    """Waits until the worker has begun; where its installation failed, as on a busy machine, the next page tries again."""
    until(page, lambda: page.evaluate(IS_CONTROLLED) or reload_later(page))


def reload_later(page: Page) -> bool:
    page.wait_for_timeout(2_000)
    if not page.evaluate(IS_CONTROLLED):
        reload(page)
    return bool(page.evaluate(IS_CONTROLLED))


def kept_chat(person: Person, question: str) -> ChatPage:
    """A chat whose page the browser keeps."""
    chat = person.begin(question)
    controlled(chat.page)
    chat.expect("completed")
    reload(chat.page)
    until(chat.page, lambda: chat.path in str(chat.page.evaluate(KEPT)))
    return chat


def write(chat: ChatPage, text: str) -> None:
    before = chat.page.locator("#unsent li").count()
    chat.box.fill(text)
    chat.box.press("Control+Enter")
    expect(chat.page.locator("#unsent li")).to_have_count(before + 1)


def questions(page: Page) -> list[str]:
    return [text.strip() for text in page.locator("#thread [data-role=user] .message-text").all_text_contents()]


def test_a_chat_is_read_and_written_in_a_tunnel(phone: Person, server: Server) -> None:
    chat = kept_chat(phone, "Before the tunnel")
    # What the server has is shown at once, whatever is kept.
    server.change("UPDATE chats SET title = 'Another title' WHERE id = ?", chat.path.split("/")[-1])
    reload(chat.page)
    expect(chat.page).to_have_title("Another title · Millrace")
    until(chat.page, lambda: "Another title" in server_of(chat.page))
    phone.context.set_offline(True)
    reload(chat.page)
    expect(chat.page.locator("[data-kept]")).to_contain_text("You're offline. This is the chat as of")
    assert questions(chat.page) == ["Before the tunnel"]
    assert chat.page.evaluate("getComputedStyle(document.querySelector('.composer')).display") != "inline"
    for text in ("First", "Second", "No", "Third"):
        write(chat, text)
    # Saved as a draft before it was sent.
    chat.box.evaluate("box => { box.value = 'Second'; }")
    chat.page.evaluate("() => document.dispatchEvent(new Event('arrived', {bubbles: true}))")
    expect(chat.box).to_have_value("")
    expect(chat.page.locator("#unsent")).to_contain_text("Will send when you're back online")
    chat.page.locator("#unsent li", has_text="No").get_by_role("button", name="Remove").click()
    chat.page.locator("#unsent li", has_text="Third").get_by_role("button", name="Edit").click()
    expect(chat.box).to_have_value("Third")
    write(chat, "Third, changed")
    # Nothing of it depends on this page.
    chat.page.goto("/chats/0000000000000000000000000")
    expect(chat.page.get_by_role("heading", name="You're offline")).to_be_visible()
    chat.page.get_by_role("link", name="Another title").click()
    expect(chat.page.locator("#unsent li")).to_have_count(3)
    phone.context.set_offline(False)
    expect(chat.page.locator("#unsent")).to_have_count(0)
    expect(chat.page.locator("#thread article")).to_have_count(8)
    assert questions(chat.page) == ["Before the tunnel", "First", "Second", "Third, changed"]
    expect(chat.page.locator("[data-kept]")).to_have_count(0)
    # Without another load, what is written in the next tunnel waits as well.
    phone.context.set_offline(True)
    write(chat, "Fourth")
    phone.context.set_offline(False)
    expect(chat.page.locator("#unsent")).to_have_count(0)
    until(chat.page, lambda: questions(chat.page)[-1] == "Fourth")


def server_of(page: Page) -> str:
    return str(
        page.evaluate("async () => (await (await caches.match(location.pathname, {ignoreVary: true}))?.text())?.slice(0, 3000)")
    )


def test_what_is_written_during_an_answer_as_the_server_goes_is_kept_once(phone: Person, upstream: Upstream) -> None:
    chat = kept_chat(phone, "Before")
    upstream.counts(20, holds=[3])
    chat.ask("Count")
    chat.wait_for("w000002")
    chat.page.route("**/follow-up", lambda route: route.abort())
    write(chat, "Is it gone?")
    expect(chat.box).to_have_value("")
    boxes = [row.bounding_box() for row in (chat.page.locator("#thread"), chat.page.locator("#unsent"))]
    assert boxes[0]
    assert boxes[1]
    assert boxes[0]["y"] < boxes[1]["y"], "it stands above what was said before"
    upstream.goes_on()
    expect(chat.page.locator("#unsent")).to_have_count(0, timeout=60_000)
    expect(chat.page.locator("#thread [data-role=user]")).to_have_count(3, timeout=30_000)
    assert questions(chat.page) == ["Before", "Count", "Is it gone?"]


def test_a_chat_is_begun_without_a_network_and_a_refusal_is_said(phone: Person) -> None:
    page = phone.open("/")
    controlled(page)
    reload(page)
    until(page, lambda: "/" in str(page.evaluate(KEPT)))
    phone.context.set_offline(True)
    home = ChatPage(page)
    write(home, "/unheard-of")
    write(home, "A chat from a train")
    phone.context.set_offline(False)
    refused = page.locator("#unsent li", has_text="unheard-of")
    expect(refused).to_contain_text("Not sent. There is no prompt /unheard-of")
    expect(page.locator("#unsent li")).to_have_count(1)
    refused.get_by_role("button", name="Remove").click()
    page.goto("/chats")
    expect(page.locator("main")).to_contain_text("A chat from a train")


def test_signing_out_leaves_nothing_and_another_person_finds_nothing(
    phone: Person, server: Server, visit: Visit, upstream: Upstream
) -> None:
    chat = kept_chat(phone, "A secret of the first")
    page, path = chat.page, chat.path
    cookies = phone.context.cookies()
    page.get_by_role("button", name="Chats", exact=True).first.click()
    sign_out(page)
    until(page, lambda: page.evaluate(KEPT) == [])
    page.go_back()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    phone.context.set_offline(True)
    with pytest.raises(Error):
        page.goto(path)
    phone.context.set_offline(False)
    # Someone else comes to a browser whose session was never ended, in which a message still waits.
    phone.context.clear_cookies()
    upstream.says("One.")
    other = visit(server, is_new=True)
    phone.context.add_cookies(other.context.cookies())
    assert cookies
    theirs = kept_chat(phone, "Of the second")
    theirs.page.evaluate("async () => (await caches.open('waiting someone')).put('/unsent/000001', new Response('{}'))")
    theirs.page.evaluate("async () => (await caches.open('kept other')).put('/chats/x', new Response('secret'))")
    reload(theirs.page)
    until(theirs.page, lambda: len(theirs.page.evaluate(KEPT)) == 1)
    assert "secret" not in json.dumps(theirs.page.evaluate(KEPT))
    # The server has ended the session: the sign-in page says so, and the pages go.
    phone.context.clear_cookies()
    theirs.page.goto(theirs.path)
    until(theirs.page, lambda: theirs.page.evaluate(KEPT) == [])


def test_what_is_pushed_is_shown_and_opens_its_own_page_only(phone: Person, server: Server) -> None:
    chat = kept_chat(phone, "Told of this")
    worker = phone.context.service_workers[0]
    # A browser without a window shows none.
    worker.evaluate("() => { registration.showNotification = async (title, about) => void (self.shown = [title, about.data]); }")
    devtools = phone.context.new_cdp_session(chat.page)
    ids: list[str] = []
    devtools.on("ServiceWorker.workerRegistrationUpdated", lambda told: ids.append(told["registrations"][0]["registrationId"]))
    devtools.send("ServiceWorker.enable")
    until(chat.page, lambda: ids)
    notice = {"title": "An answer is ready", "body": "Told of this", "url": chat.path, "tag": "x"}
    pushed = {"origin": server.url, "registrationId": ids[0], "data": json.dumps(notice)}
    devtools.send("ServiceWorker.deliverPushMessage", pushed)
    until(chat.page, lambda: worker.evaluate("self.shown") == ["An answer is ready", chat.path])
    opened = """async (url) => {
      const seen = [];
      self.clients.openWindow = async (url) => void seen.push(url);
      WindowClient.prototype.focus = async function () { seen.push(`focus ${new URL(this.url).pathname}`); };
      await open({data: url, close: () => {}});
      return seen;
    }"""
    assert worker.evaluate(opened, chat.path) == [f"focus {chat.path}"]
    assert worker.evaluate(opened, "/chats") == [f"{server.url}/chats"]
    assert worker.evaluate(opened, "https://example.org/x") == []


def test_this_device_is_told_once_the_button_was_pressed(server: Server, visit: Visit) -> None:
    person = visit(server)
    person.context.add_init_script(PUSHED)
    page = person.open("/help")
    page.evaluate(FORM)
    page.evaluate("window.wanted = 'denied'")
    assert page.evaluate("asked") == 0
    page.get_by_role("button", name="Turn on notifications in this browser").click()
    expect(page.locator(".push-missing")).to_contain_text("Notifications are blocked")
    page.evaluate("window.wanted = 'granted'")
    with page.expect_request(lambda request: "endpoint=" in request.url) as sent:
        page.get_by_role("button", name="Turn on notifications in this browser").click()
    assert "endpoint=https%3A%2F%2Fpush.example%2F1&p256dh=key&auth=secret&name=" in sent.value.url


class Flips:
    """A phone with two tabs, and a desk, in one chat; the network, the server and the tabs come and go by a seed."""

    def __init__(self, server: Server, phone: Person, desk: Person, seed: int) -> None:
        self.server, self.phone, self.random = server, phone, random.Random(seed)
        self.written: dict[str, list[str]] = {"phone": [], "desk": []}
        first = kept_chat(phone, "Start")
        self.path, self.id = first.path, first.path.rsplit("/", 1)[-1]
        self.tabs = [first, ChatPage(phone.open(self.path))]
        desk.context.add_cookies(phone.context.cookies())
        self.desk = ChatPage(desk.open(self.path))
        self.is_offline = False

    def flip(self) -> None:
        ways = [self.write] * 5 + [
            self.write_at_the_desk,
            self.network,
            self.network,
            self.kill,
            self.close_a_tab,
            self.load_again,
        ]
        self.random.choice(ways)()

    def write(self) -> None:
        self._say(self.random.choice(self.tabs), "phone")

    def write_at_the_desk(self) -> None:
        self._say(self.desk, "desk")

    def network(self) -> None:
        self.is_offline = not self.is_offline
        self.phone.context.set_offline(self.is_offline)

    def kill(self) -> None:
        """Kills the server, mostly while a message is on its way, and starts it after something was written without it."""
        if self.random.random() < 0.5:
            self.write()
        self.server.kill()
        for _ in range(self.random.randrange(3)):
            self.write()
        self.server.start()

    def close_a_tab(self) -> None:
        which = self.random.randrange(2)
        self.tabs[which].page.close()
        self.tabs[which] = ChatPage(self.phone.open(self.path))

    def load_again(self) -> None:
        reload(self.random.choice(self.tabs).page)

    def sent(self) -> list[str]:
        messages = "SELECT content FROM messages WHERE chat_id = ? AND role = 'user' ORDER BY id"
        return [text for (text,) in self.server.rows(messages, self.id)]

    def end(self) -> None:
        """Brings everything back, and waits until nothing waits."""
        self.phone.context.set_offline(False)
        everything = sum(map(len, self.written.values())) + 1
        for tab in self.tabs:
            reload(tab.page)
            expect(tab.page.locator("#unsent")).to_have_count(0, timeout=120_000)
        until(self.desk.page, lambda: len(self.sent()) >= everything, seconds=120)

    def _say(self, tab: ChatPage, who: str) -> None:
        text = f"{who} {len(self.written[who]) + 1}"
        self.written[who].append(text)
        say(tab, text)


def say(chat: ChatPage, text: str) -> None:
    """Writes a message and sends it until it is on its way, or waits."""
    chat.box.wait_for()
    chat.page.wait_for_function("() => self.unsent")
    chat.box.fill(text)

    def is_gone() -> bool:
        # What was refused, as an answer is being written, is in the box again, to be sent once more.
        if text in chat.box.input_value():
            chat.box.press("Control+Enter")
            chat.page.wait_for_timeout(80)
        return text not in chat.box.input_value() and chat.page.locator("#sending p, #composer.htmx-request").count() == 0

    until(chat.page, is_gone)


@pytest.mark.rounds
@pytest.mark.timeout(3_000)
def test_each_message_is_sent_once_and_in_order_whatever_happens(own_server: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.says("Yes.")
    own_server.lift_limits()
    own_server.start()
    phone, desk = visit(own_server, **PHONE), visit(own_server, is_signed_in=False)
    flips = Flips(own_server, phone, desk, seed=ROUNDS)
    for _ in range(FLIPS):
        flips.flip()
    flips.end()
    sent = flips.sent()
    assert sorted(sent) == sorted(["Start", *flips.written["phone"], *flips.written["desk"]])
    for who, texts in flips.written.items():
        assert [text for text in sent if text.startswith(who)] == texts


@pytest.mark.rounds
@pytest.mark.timeout(3_000)
def test_what_is_written_just_after_a_tunnel_goes_below_what_waited(server: Server, upstream: Upstream, phone: Person) -> None:
    chat, pause, written = kept_chat(phone, "Start"), random.Random(ROUNDS), ["Start"]
    server.lift_limits()
    for number in range(FLIPS):
        inside, outside = f"Inside {number}", f"Outside {number}"
        written += [inside, outside]
        phone.context.set_offline(True)
        write(chat, inside)
        chat.box.fill(outside)
        phone.context.set_offline(False)
        if number % 2:
            # At once, before the page shows what has been sent.
            chat.page.wait_for_function("() => !document.getElementById('unsent')", polling="raf")
        else:
            chat.page.wait_for_timeout(pause.randrange(1_000))
        say(chat, outside)
        until(chat.page, partial(stands, server, chat, written), seconds=60)
        expect(chat.page.locator("#unsent")).to_have_count(0)
    assert questions(chat.page) == written[-len(questions(chat.page)) :]


def stands(server: Server, chat: ChatPage, written: list[str]) -> bool:
    """Whether this, and nothing else, is what a person has written on the path to the chat's head."""
    above = """WITH RECURSIVE path(id, parent_id, role, content, depth) AS (
        SELECT m.id, m.parent_id, m.role, m.content, 0 FROM messages m JOIN chats c ON c.head_id = m.id WHERE c.id = ?
        UNION ALL SELECT m.id, m.parent_id, m.role, m.content, depth + 1 FROM messages m JOIN path ON path.parent_id = m.id)
        SELECT content FROM path WHERE role = 'user' ORDER BY depth DESC"""
    return [text for (text,) in server.rows(above, chat.path.rsplit("/", 1)[-1])] == written
