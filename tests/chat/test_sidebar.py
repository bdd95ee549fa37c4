"""The sidebar of every open page stays current without polling: runs, ends, new names and other changes are pushed."""

import pytest
from sqlalchemy import select

from tests.chat.conftest import ended
from tests.chat.listener import Listener
from tests.chat.test_chats import add_thread
from tests.support.list_parts import applied
from webapp.base.db import write
from webapp.chat.record.tables import Chat
from webapp.people.accounts.tables import User
from webapp.workspace.list import shown
from webapp.workspace.page.feed import ChatPosition

SIDEBAR = '<hx-partial hx-target="#sidebar-chats" hx-swap="innerMorph">'


def sidebars(listener: Listener) -> list[str]:
    """Returns the list as the page shows it after each message that changes it."""
    found: list[str] = []
    for message in listener.messages:
        if SIDEBAR in message.data:
            found.append(message.data)
        elif found and (after := applied(found[-1], message.data)) != found[-1]:
            found.append(after)
    return found


def sidebar_url(page) -> str:
    return str(page.one("#sidebar-chats").attributes["hx-sse:connect"])


@pytest.mark.slow
def test_a_chat_that_begins_and_ends_elsewhere_shows_in_an_open_chat(owner, begin, fake, listen, path):
    listener = listen(owner, owner.page(path).events_url)
    fake.counts(4_000, pace=0.05)
    begin(owner, "Second")

    listener.until(lambda feed: any("Second" in sidebar and 'class="dot"' in sidebar for sidebar in sidebars(feed)))
    fake.over()
    listener.until(lambda feed: 'class="dot"' not in sidebars(feed)[-1])
    assert f'<a href="{path}" aria-current="page">' in sidebars(listener)[-1]
    assert sidebars(listener)[-1].count("aria-current") == 1


@pytest.mark.mostly_slow
@pytest.mark.parametrize("place", ["/chats", "/chats?q=first", "/chats/trash"])
def test_pages_without_a_chat_hear_it_too(owner, begin, fake, listen, path, place):
    listener = listen(owner, sidebar_url(owner.page(place)))
    fake.says("Two")
    begin(owner, "Second")

    listener.until(lambda feed: sidebars(feed) and "Second" in sidebars(feed)[-1] and 'class="dot"' not in sidebars(feed)[-1])
    assert "aria-current" not in sidebars(listener)[-1]


@pytest.mark.slow
def test_a_failure_elsewhere_ends_the_dot(owner, fake, listen, path):
    listener = listen(owner, sidebar_url(owner.page("/chats")))
    fake.behaves([{"status": 401}])
    owner.post(f"{path}/messages", message="Again")

    listener.until(lambda feed: sidebars(feed))
    owner.wait_for(path, ended)
    listener.until(lambda feed: 'class="dot"' not in sidebars(feed)[-1])


def test_a_new_name_reaches_the_title_and_every_sidebar(owner, listen, path):
    here, there = listen(owner, owner.page(path).events_url), listen(owner, sidebar_url(owner.page("/chats")))
    owner.post(f"{path}/rename", title="Water & <stone>")

    for listener in (here, there):
        listener.until(lambda feed: sidebars(feed) and "Water &amp; &lt;stone&gt;" in sidebars(feed)[-1])
    # The sidebar, which also shows the name, can be updated first.
    here.until(lambda feed: 'hx-target="#chat-menu"' in feed.html)
    assert '<hx-partial hx-target="title" hx-swap="innerHTML">Water &amp; &lt;stone&gt; · Millrace</hx-partial>' in here.html
    assert 'hx-target="#chat-title:not(:has(form))"' in here.html
    # Where no list has the chat, such as one in a folded project, it stands above them.
    assert 'hx-target=".chats--here bdi" hx-swap="innerHTML">Water &amp; &lt;stone&gt;</hx-partial>' in here.html


@pytest.mark.slow
def test_nothing_is_heard_of_other_people(owner, stranger, begin, fake, listen, path):
    listener = listen(stranger, sidebar_url(stranger.page("/chats")))
    owner.post(f"{path}/rename", title="A secret")
    fake.says("Mine")
    begin(stranger, "My own")

    listener.until(lambda feed: sidebars(feed))
    assert "secret" not in listener.html


@pytest.mark.slow
def test_what_has_not_changed_is_not_sent(owner, fake, listen, path):
    page = owner.page(path)
    listener = listen(owner, page.events_url)
    owner.post(f"{path}/rename", title="Other")
    listener.until(lambda feed: sidebars(feed) and "Other" in sidebars(feed)[-1])
    sent = len(sidebars(listener))
    for _ in range(3):
        owner.post(f"{path}/rename", title="Other")
    owner.post(f"{path}/rename", title="Last")
    listener.until(lambda feed: "Last" in sidebars(feed)[-1])
    assert len(sidebars(listener)) == sent + 1


@pytest.mark.slow
def test_who_comes_back_hears_what_was_missed(owner, listen, path):
    listener = listen(owner, owner.page(path).events_url)
    owner.post(f"{path}/rename", title="Heard")
    listener.until(lambda feed: sidebars(feed))
    listener.close()
    owner.post(f"{path}/rename", title="Missed")

    again = listen(owner, owner.page(path).events_url, listener.last_id)
    again.until(lambda feed: sidebars(feed) and "Missed" in sidebars(feed)[-1])


@pytest.mark.mostly_slow
@pytest.mark.parametrize("position", ["", "nonsense", "other.1-1", "..", "x.-1", "x.1", "x." + "9" * 40])
def test_an_unknown_position_gets_the_whole_sidebar(owner, listen, path, position):
    listener = listen(owner, f"/lists/sidebar/events?at={position}")
    listener.until(lambda feed: sidebars(feed) and "First" in sidebars(feed)[0])


@pytest.mark.slow
def test_a_deleted_chat_lets_its_pages_go(owner, listen, path):
    listener = listen(owner, owner.page(path).events_url)
    listener.until(lambda feed: feed.raw)
    owner.post(f"{path}/delete")

    listener.until(lambda feed: feed.greenlet.dead)


@pytest.mark.parametrize(
    "position", [ChatPosition("e", 3, sidebar=(7, 0)), ChatPosition("e", 3, "head", "gen", (1, 2, 3, 4, 5), (0, 9))]
)
def test_a_position_says_what_the_sidebar_has(position):
    assert ChatPosition.parse(str(position)) == position


@pytest.mark.slow
def test_a_turn_in_a_long_chat_costs_no_more_than_in_a_short_one(owner, fake, listen):
    fake.says("One")
    costs = []
    for length in (60, 60, 3_000):
        path = add_thread(owner, length)
        listener = listen(owner, owner.page(path).events_url)
        owner.post(f"{path}/messages", message="Next")
        listener.until(lambda feed: "Try again" in feed.html)
        costs.append(len(listener.raw))
        listener.close()

    # The difference depends on whether a page sees the answer run or only its end; sixty messages would cost more than 100 000.
    assert abs(costs[1] - costs[2]) < 20_000


def test_a_page_left_far_behind_gets_the_end_and_the_way_to_the_rest(owner, listen):
    path = add_thread(owner, 200)
    listener = listen(owner, f"{path}/events?at=nonsense")

    listener.until(lambda feed: "Message 00199." in feed.html)
    assert listener.html.count("<article") == 60
    assert 'hx-target="#earlier"' in listener.html
    assert "Earlier messages" in listener.html


def test_a_page_has_the_newest_rows_and_fetches_the_others(app, owner, path):
    with app.app_context(), write() as session:
        me = session.scalars(select(User.id).where(User.email == owner.email)).one()
        session.add_all(
            Chat(owner_id=me, model="fake/plain", title=f"Chat {number}") for number in range(shown.MOST_AT_FIRST + 1)
        )
    page = owner.page("/settings")
    assert len(page.all("#sidebar-chats li")) == shown.MOST_AT_FIRST
    more = page.one("#sidebar-chats [hx-trigger='intersect once']").attributes["hx-get"]

    answer = owner.get(more, headers={"HX-Request": "true", "HX-Current-URL": f"http://localhost{path}"})
    assert answer.text.count("<li") == shown.MOST_AT_FIRST + 2
    assert f'<a href="{path}" aria-current="page">' in answer.text
    assert "intersect" not in answer.text
    assert owner.get(more).location == "/chats"
