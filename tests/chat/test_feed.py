"""GET /chats/<id>/events takes every page from its position to the present, and all pages to the same text."""

import gevent
import pytest

from tests.chat.conftest import ended
from tests.chat.listener import PART, Listener
from tests.chat.test_chats import add_chats
from tests.chat.test_renderings import say
from tests.rendering.edited import EDIT, Edited
from webapp.base import changes, topic_names
from webapp.engine.engine import ENGINE
from webapp.settings.service import set_setting
from webapp.streaming.codec import SseMessage
from webapp.workspace.page.feed import ChatPosition


def shown_text(page, listener: Listener) -> str:
    """Returns the last message's text after everything the page has received, by the rules of htmx and of our script."""
    article = page.all("article.message")[-1]
    id = article.attributes["id"]
    sealed = article.css_first(".message-text").inner_html or ""
    tail = article.css_first(".tail")
    shown = Edited(sealed.split('<div class="tail')[0], (tail.inner_html or "") if tail else "")
    for message in listener.messages:
        if message.event == "message" and EDIT.fullmatch(message.data):
            shown.take(message.data)
        for target, swap, html in PART.findall(message.data):
            if target == f"#{id}-tail" and swap == "outerHTML":
                shown = Edited(shown.sealed + html)
            elif target == f"#{id}-text":
                shown = Edited(html)
    # The parser of pages writes an attribute without a value in another way.
    return shown.html.replace(" data-panel>", ' data-panel="">')


MARKDOWN = """# Head

Some *words* and a [link][late].

- one
- two

```python
print(1)
```

| a | b |
|---|--:|
| 1 | 2 |

"""


def test_it_opens_at_once_and_forbids_keeping(owner, begin, fake, listen):
    # The cost is given, so that no cost arrives later.
    fake.says("One", cost=0.0001)
    page = owner.wait_for(begin(owner), ended)
    listener = listen(owner, page.events_url)
    listener.until(lambda feed: feed.raw.startswith(b"retry: 500\n\n: "))

    assert listener.response.headers["Cache-Control"] == "no-store, no-transform"
    assert listener.response.headers["X-Accel-Buffering"] == "no"
    assert listener.response.mimetype == "text/event-stream"
    # An update of the sidebar can come first; the chat itself is already current on the page.
    assert {target for target, *_ in PART.findall(listener.html)} <= {"#sidebar-chats"}


@pytest.mark.slow
@pytest.mark.parametrize("late", ["", "[late]: https://example.org\n"])
def test_every_page_ends_with_the_rendering_of_the_whole(owner, begin, fake, listen, late):
    # The answer ends only after all pages have connected, however late they connect.
    fake.says(MARKDOWN * 3 + late, pace=0.01, holds=[50])
    path = begin(owner)
    pages = []
    for _ in range(6):
        page = owner.page(path)
        pages.append((page, listen(owner, page.events_url)))
        gevent.sleep(0.1)
    fake.goes_on()
    for _, listener in pages:
        listener.until(lambda feed: "completed" in feed.statuses())

    final = owner.page(path).all(".message-text")[-1].inner_html
    assert {shown_text(page, listener) for page, listener in pages} == {final}


@pytest.mark.slow
def test_a_dropped_connection_goes_on_where_it_was(owner, begin, fake, listen):
    # The answer takes longer than four connections, however late they connect.
    fake.says(MARKDOWN * 300, pace=0.02)
    path = begin(owner)
    page = owner.page(path)
    heard = listen(owner, page.events_url)
    parts: list[SseMessage] = []
    for _ in range(4):
        heard.until(lambda feed: feed.last_id)
        heard.close()
        parts += heard.messages
        heard = listen(owner, page.events_url, parts[-1].id or heard.last_id)
    fake.over()
    heard.until(lambda feed: "completed" in feed.statuses())
    heard.messages = [*parts, *heard.messages]

    assert shown_text(page, heard) == owner.page(path).all(".message-text")[-1].inner_html


@pytest.mark.mostly_slow
@pytest.mark.parametrize("position", ["", "nonsense", "other.1.2.3.4", "....", "a.b.c.d.e"])
def test_an_unknown_position_gets_the_whole_thread(owner, answered, fake, listen, position):
    fake.says("All of it")
    path = answered(owner)

    listener = listen(owner, f"{path}/events?at={position}")
    listener.until(lambda feed: "All of it" in feed.html)

    assert 'hx-target="#thread" hx-swap="innerMorph"' in listener.html


def test_what_changes_before_the_last_message_is_drawn_too(owner, listen):
    path = f"/chats/{add_chats(owner, 1)[0]}"
    ids = say(owner, path, ["One", "Two", "Three"])
    listener = listen(owner, owner.page(path).events_url)

    with owner.app.app_context():
        changes.notify(topic_names.of_chat(path.rpartition("/")[2]), "message", ids[0])
    listener.until(lambda feed: f'hx-target="#message-{ids[0]}"' in feed.html)

    assert "data-role" in listener.html
    assert not any(f"message-{id}" in listener.html for id in ids[1:])


@pytest.mark.slow
def test_a_message_sent_elsewhere_appears_once(owner, begin, fake, listen):
    # The costs are given, so that no later lookup shows either message again.
    fake.says("One", cost=0.0001)
    path = begin(owner)
    page = owner.wait_for(path, ended)
    listener = listen(owner, page.events_url)
    fake.says("Two **bold**", cost=0.0001)

    owner.post(f"{path}/messages", message="Second")
    listener.until(lambda feed: "completed" in feed.statuses())
    listener.until(lambda feed: "Try again" in feed.html)

    assert listener.html.count('data-role="user"') == 1
    assert listener.html.count('data-role="assistant"') == 1
    assert "<strong>bold</strong>" in listener.html


@pytest.mark.slow
def test_continuing_and_trying_again_reach_open_pages(owner, begin, fake, listen):
    fake.behaves([{"counted": 40, "cut_after": 10}])
    fake.counts(40, pace=0.005)
    path = begin(owner)
    page = owner.wait_for(path, ended)
    listener = listen(owner, page.events_url)

    owner.post(page.action("Continue"))
    listener.until(lambda feed: feed.statuses()[-1:] == ["completed"])
    assert "seam" in listener.html

    page = owner.wait_for(path, ended)
    owner.post(page.action("Try again"))
    listener.until(lambda feed: feed.statuses().count("completed") == 2)
    assert len(owner.page(path).all("article.message")) == 2


@pytest.mark.slow
def test_the_ninth_page_takes_the_place_of_the_first(owner, begin, fake, listen, app):
    fake.says("One")
    page = owner.wait_for(begin(owner), ended)
    with app.app_context():
        set_setting("limits.sse_per_chat", "2")
    first, second, third = [listen(owner, page.events_url) for _ in range(3)]

    # Any of the pages can still receive an update of the sidebar.
    first.until(lambda feed: feed.greenlet.dead)
    assert (first.messages[-1].event, first.messages[-1].id) == ("superseded", "superseded")
    assert not [message for page in (second, third) for message in page.messages if message.event == "superseded"]
    again = owner.client.get(page.events_url, headers={"Last-Event-ID": "superseded"})
    assert again.status_code == 204


@pytest.mark.slow
def test_a_shutdown_tells_every_page_to_come_back(owner, begin, fake, listen, app):
    fake.counts(4_000, pace=0.01)
    page = owner.page(begin(owner))
    listener = listen(owner, page.events_url)
    listener.until(lambda feed: feed.last_id)

    ENGINE.of(app).finish(seconds=30)
    ENGINE.of(app).wait_closed(30)

    assert not ENGINE.of(app).readers
    assert "interrupted" in listener.statuses()


@pytest.mark.parametrize("position", [ChatPosition("e", 3), ChatPosition("e", 3, "head", "gen", (1, 2, 3, 4, 5))])
def test_a_position_survives_its_text(position):
    assert ChatPosition.parse(str(position)) == position


@pytest.mark.slow
def test_a_position_is_said_when_it_is_another_one(owner, begin, fake, listen):
    fake.says("One line of words, and another. " * 900, pace=0.01)
    page = owner.page(begin(owner))
    listener = listen(owner, page.events_url)
    listener.until(lambda feed: len(feed.messages) > 20)
    fake.over()
    listener.until(lambda feed: "completed" in feed.statuses())

    assert listener.raw.count(b"\nid: ") < 8


@pytest.mark.slow
def test_all_chats_together_have_a_limit_too(owner, begin, fake, listen, app):
    fake.says("One")
    pages = [owner.wait_for(begin(owner, text), ended) for text in ("First", "Second", "Third")]
    with app.app_context():
        set_setting("limits.sse_per_user", "2")
    first, *_ = [listen(owner, page.events_url) for page in pages]

    # An update of the sidebar can come before it.
    first.until(lambda feed: [message.event for message in feed.messages[-1:]] == ["superseded"])


@pytest.mark.slow
def test_whoever_is_signed_out_is_let_go(owner, begin, fake, listen, app):
    fake.says("One")
    page = owner.wait_for(begin(owner), ended)
    listener = listen(owner, page.events_url)
    listener.until(lambda feed: feed.raw)

    owner.post("/logout")

    listener.until(lambda feed: feed.greenlet.dead)


@pytest.mark.slow
def test_a_page_that_comes_back_when_its_answer_has_gone_on_keeps_what_is_before_it(owner, answered, fake, listen):
    fake.says("One", cost=0.0001)
    path = answered(owner, "First")
    fake.behaves([{"counted": 40, "pace": 0.05, "cut_after": 10, "cost": 0.0001}])
    owner.post(f"{path}/messages", message="Second")
    page = owner.page(path)
    fake.counts(40)
    owner.post(owner.wait_for(path, ended).action("Continue"))
    owner.wait_for(path, ended)

    listener = listen(owner, page.events_url)
    listener.until(lambda feed: PART.search(feed.html))

    wholes = [html for target, _, html in PART.findall(listener.html) if target == "#thread"]
    assert wholes
    assert all(f'id="message-{id}"' in html for id in page.message_ids for html in wholes)


@pytest.mark.slow
def test_what_a_page_is_told_of_each_turn_is_what_a_new_page_shows(owner, path, fake, listen):
    listener = listen(owner, owner.page(path).events_url)
    fake.always({"counted": 20, "cost": 0.0001})
    for number in range(2):
        owner.post(f"{path}/messages", message=f"Number {number}")
        listener.until(lambda feed, number=number: feed.statuses().count("completed") > number)
        listener.until(lambda feed: 'id="composer-send"' in feed.html.rpartition('id="composer-controls"')[2])
    told = {target: html for target, _, html in PART.findall(listener.html)}

    page = owner.page(path)
    # Only the person's own pages show which button they pressed.
    text = page.text.replace(' aria-pressed="false"', "")
    last = f"message-{page.message_ids[-1]}"
    for target in ("#composer-controls", "#follow-up", "#cut", f"#{last}-aside"):
        assert told[target] in text, target
    # A new page has no place for notices where there are none.
    assert told[f"#{last}-notices"].strip() == f'<div class="notices" id="{last}-notices"></div>'
    assert f"{last}-notices" not in text
