"""A chat as a whole: renamed, pinned, archived, deleted and restored; long lists and long threads are paginated."""

from datetime import timedelta

import pytest
from sqlalchemy import event, func, select

from tests.chat.conftest import ended, texts
from tests.support.browser import HTMX
from tests.support.marks import also_on_postgres
from tests.support.markup import text_of, words
from webapp.base.db import db, utc_now, write
from webapp.base.ids import new_id
from webapp.chat import erasing
from webapp.chat.record import queries
from webapp.chat.record.tables import Chat, Draft, Message
from webapp.engine.engine import ENGINE
from webapp.people.accounts.tables import User
from webapp.settings.service import set_setting

ACTIONS = ("rename", "pin", "unpin", "archive", "unarchive", "delete", "restore", "erase")


@pytest.fixture
def path(owner, begin, fake) -> str:
    fake.says("One")
    path = begin(owner, "First")
    owner.wait_for(path, ended)
    return path


def id_of(path: str) -> str:
    return path.rpartition("/")[2]


def person_id(browser) -> str:
    with browser.app.app_context():
        return db.session.scalars(select(User.id).where(User.email == browser.email)).one()


def add_chats(browser, count: int, *, title: str = "Chat {}", days_apart: float = 0.0, **values) -> list[str]:
    """Inserts chats without messages, newest first, and returns their ids."""
    owner_id, now = person_id(browser), utc_now()
    rows = [
        {"id": new_id(), "owner_id": owner_id, "model": "some/model", "title": title.format(n)}
        | {"created_at": now, "changed_at": now - timedelta(seconds=n, days=n * days_apart), **values}
        for n in range(count)
    ]
    with browser.app.app_context(), write() as session:
        session.execute(Chat.__table__.insert(), rows)
    return [row["id"] for row in rows]


def add_thread(browser, length: int) -> str:
    """Creates a chat with this many messages, each the child of the one before, and returns its path."""
    (id,) = add_chats(browser, 1, title="A long talk")
    ids = [new_id() for _ in range(length)]
    rows = [
        {"id": message_id, "chat_id": id, "parent_id": ids[n - 1] if n else None, "role": "assistant" if n % 2 else "user"}
        | {"content": f"Message {n:05d}.", "html": f"<p>Message {n:05d}.</p>"}
        for n, message_id in enumerate(ids)
    ]
    with browser.app.app_context(), write() as session:
        session.execute(Message.__table__.insert(), rows)
        session.get_one(Chat, id).head_id = ids[-1]
    return f"/chats/{id}"


def titles(page) -> list[str]:
    return [node.text(strip=True) for node in page.all(".rows .what, section[aria-label=Chats] .result__words")]


def sidebar_of(page) -> list[str]:
    return [node.text(strip=True) for node in page.all("#sidebar-chats bdi")]


@pytest.mark.slow
def test_a_chat_is_renamed_by_a_form(owner, path):
    page = owner.page(path)
    assert page.one("#chat-title a").attributes["href"] == f"{path}/rename"
    page = page.click("Rename")
    assert page.textbox("Title").value == "First"

    page = page.form("Save").submit(title="  The   mill \0 race ")
    assert page.path == path
    assert page.heading == "The mill race"
    assert sidebar_of(page) == ["The mill race"]
    with owner.app.app_context():
        assert db.session.get_one(Chat, id_of(path)).title_is_own


@pytest.mark.mostly_slow
@pytest.mark.parametrize(
    ("title", "words"), [("", "Enter a title for the chat."), (" \n ", "Enter a title for the chat."), ("x" * 201, "1 charact")]
)
def test_a_bad_name_is_refused_beside_the_field(owner, path, title, words):
    page = owner.post(f"{path}/rename", title=title)
    assert page.status_code == 422
    assert words in page.error_at("Title")
    assert page.textbox("Title").value == title.replace("\n", " ") or not title.strip()
    fragment = owner.htmx_post(f"{path}/rename", title=title)
    assert fragment.status_code == 422
    assert fragment.text.startswith('<hx-partial hx-target="#chat-title"')


def test_with_htmx_the_form_stands_in_the_title_and_gives_way_to_it(owner, path):
    assert owner.htmx_get(f"{path}/rename").text.startswith('<hx-partial hx-target="#chat-title"')

    fragment = owner.htmx_post(f"{path}/rename", title="<b>Bold</b>")
    assert "&lt;b&gt;Bold&lt;/b&gt;" in fragment.text
    assert 'hx-target="#chat-menu"' in fragment.text


@pytest.mark.slow
def test_a_pinned_chat_stands_first_everywhere(owner, path):
    add_chats(owner, 3, title="Newer {}")
    page = owner.page(path).press("Pin")
    assert sidebar_of(page) == ["First", "Newer 0", "Newer 1", "Newer 2"]
    assert page.has("button", "Unpin")

    page = owner.page("/chats")
    assert titles(page)[0] == "First"
    assert page.one('section[aria-label="Pinned"]')
    owner.page(path).press("Unpin")
    assert not owner.page("/chats").all('section[aria-label="Pinned"]')


@pytest.mark.slow
def test_an_archived_chat_leaves_the_lists_and_is_kept(owner, path):
    owner.htmx_post(f"{path}/pin")
    page = owner.page(path).press("Archive")
    assert page.path == path
    assert sidebar_of(page) == []
    assert titles(owner.page("/chats")) == []
    assert titles(owner.page("/chats?show=archived")) == ["First"]

    owner.page(path).press("Unarchive")
    assert titles(owner.page("/chats")) == ["First"]
    assert titles(owner.page("/chats?show=archived")) == []


@pytest.mark.slow
def test_deleting_can_be_undone(owner, path):
    page = owner.page(path).press("Delete chat")
    assert page.path == "/chats"
    assert page.says("“First” is in the trash.")
    assert titles(page) == []
    assert owner.get(path).status_code == 404

    page = page.press("Undo")
    assert page.path == path
    assert texts(page) == ["First", "One"]


@pytest.mark.slow
def test_the_trash_gives_back_and_deletes_for_good(owner, path):
    owner.post(f"{path}/delete")
    trash = owner.page("/chats/trash")
    assert titles(trash) == ["First"]
    assert trash.says("stay here for 30 days")
    assert trash.press("Restore").path == path

    owner.post(f"{path}/delete")
    trash = owner.page("/chats/trash").press("Delete permanently")
    assert trash.path == "/chats/trash"
    assert trash.says("The trash is empty.")
    assert counts(owner) == (0, 0)


def counts(browser) -> tuple[int, int]:
    with browser.app.app_context():
        return tuple(db.session.scalar(select(func.count()).select_from(table)) for table in (Chat, Message))


@pytest.mark.slow
def test_deleting_stops_the_answer(owner, begin, fake):
    fake.counts(4_000, pace=0.02)
    path = begin(owner)
    owner.wait_for(path, lambda page: "w000002" in page.text)

    owner.post(f"{path}/delete")
    owner.wait_for("/chats/trash", lambda page: not ENGINE.of(owner.app).live)
    owner.post(f"{path}/restore")
    assert owner.page(path).all("article.message")[-1].attributes["data-status"] == "stopped"


@also_on_postgres
def test_the_trash_is_emptied_after_its_days(app, owner):
    old, young, kept = add_chats(owner, 3)
    owner_id = person_id(owner)
    with app.app_context():
        with write() as session:
            session.get_one(Chat, old).deleted_at = utc_now() - timedelta(days=31)
            session.get_one(Chat, young).deleted_at = utc_now() - timedelta(days=29)
            session.add(Message(chat_id=old, role="user", content="Gone"))
            session.add(Draft(user_id=owner_id, chat_id=old, text="gone too"))
        set_setting("trash.days", "0")
        assert erasing.empty_trash() == 0
        set_setting("trash.days", "30", confirmed=1)
        assert erasing.empty_trash() == 1
        assert set(db.session.scalars(select(Chat.id))) == {young, kept}
        assert not db.session.scalars(select(Draft)).all()
        assert not db.session.scalars(select(Message)).all()


@pytest.mark.slow
def test_nobody_else_can_touch_it(owner, stranger, visitor, path):
    for action in ACTIONS:
        assert stranger.post(f"{path}/{action}", title="Mine").status_code == 404
        assert visitor.post(f"{path}/{action}", title="Mine").location.startswith("/login")
    for place in (f"{path}/rename", f"{path}/earlier"):
        assert stranger.get(place).status_code == 404
        assert visitor.get(place).location.startswith("/login")
    for place in ("/chats", "/chats/trash", "/chats?q=first", "/lists/sidebar/events"):
        assert visitor.get(place).location.startswith("/login")
    assert owner.page(path).heading == "First"
    assert titles(stranger.page("/chats")) == []
    assert titles(stranger.page(f"/chats?deleted={id_of(path)}")) == []


def test_only_what_is_in_the_trash_can_be_restored_or_deleted_for_good(owner, path):
    assert owner.post(f"{path}/restore").status_code == 404
    assert owner.post(f"{path}/erase").status_code == 404
    assert owner.post("/chats/nowhere/delete").status_code == 404


@pytest.mark.slow
def test_a_long_list_comes_a_page_at_a_time(owner):
    add_chats(owner, 230, title="Chat {:03d}")
    seen, page = [], owner.page("/chats")
    for _ in range(3):
        seen += titles(page)
        page = page.click("Older chats") if page.has("a", "Older chats") else page
    assert seen == [f"Chat {n:03d}" for n in range(230)]
    assert owner.page("/chats?before=nonsense").status_code == 200


@pytest.mark.slow
def test_ten_thousand_chats_cost_a_page_no_more_than_a_hundred(owner, member):
    add_chats(owner, 100)
    add_chats(member, 10_000, days_apart=0.01)

    assert least_statements(owner, "/chats") == least_statements(member, "/chats")
    assert len(member.page("/chats").text) < len(owner.page("/chats").text) * 1.3


@pytest.mark.slow
def test_a_long_thread_shows_its_end_and_the_way_to_the_rest(owner):
    path = add_thread(owner, 150)
    page = owner.page(path)
    assert texts(page) == [f"Message {n:05d}." for n in range(90, 150)]

    page = page.click("Earlier messages")
    assert texts(page) == [f"Message {n:05d}." for n in range(30, 90)]
    page = page.click("Earlier messages")
    assert texts(page) == [f"Message {n:05d}." for n in range(30)]
    assert not page.has("a", "Earlier messages")
    assert page.click("Jump to latest").path == path


@pytest.mark.slow
def test_with_htmx_earlier_messages_come_before_the_others(owner):
    path = add_thread(owner, 130)
    url = str(owner.page(path).link("Earlier messages").attributes["href"])

    fragment = owner.htmx_get(url).text
    assert fragment.startswith('<hx-partial hx-target="#thread" hx-swap="afterbegin">')
    assert fragment.count("<article") == 60
    assert "Message 00010." in fragment
    assert 'hx-target="#earlier"' in fragment


def test_earlier_than_nothing_is_not_there(owner, stranger):
    path, other = add_thread(owner, 3), add_thread(stranger, 3)
    foreign = str(stranger.page(other).all("article.message")[0].attributes["id"]).removeprefix("message-")

    for query in ("", "?before=nonsense", f"?before={foreign}", f"?until={foreign}"):
        assert owner.get(f"{path}/earlier{query}").status_code == 404
    first = str(owner.page(path).all("article.message")[0].attributes["id"]).removeprefix("message-")
    assert texts(owner.page(f"{path}/earlier?before={first}")) == []


def test_a_message_is_found_where_it_stands(owner, stranger):
    path = add_thread(owner, 130)
    with owner.app.app_context():
        chat = db.session.get_one(Chat, id_of(path))
        thread = [message.id for message in queries.thread(chat)]

    assert owner.get(f"/messages/{thread[-1]}/place").location == f"{path}#message-{thread[-1]}"
    there = owner.get(f"/messages/{thread[5]}/place").location
    assert there.endswith(f"#message-{thread[5]}")
    assert texts(owner.page(there.partition("#")[0]))[-1] == "Message 00005."
    assert stranger.get(f"/messages/{thread[5]}/place").status_code == 404


def least_statements(browser, path: str) -> int:
    """Counts the statements of a page once the settings, which are reread every second, are cached."""
    counts = []
    for _ in range(3):
        with browser.counting_statements() as statements:
            browser.page(path)
        counts.append(len(statements))
    return min(counts)


class Loaded:
    """Counts the messages loaded from the database."""

    def __enter__(self) -> "Loaded":
        self.count = 0
        event.listen(Message, "load", self._note)
        return self

    def __exit__(self, *_error) -> None:
        event.remove(Message, "load", self._note)

    def _note(self, *_seen) -> None:
        self.count += 1


@pytest.mark.slow
def test_five_thousand_messages_cost_a_page_no_more_than_sixty(owner):
    short, long = add_thread(owner, 61), add_thread(owner, 5_000)
    pages, statements, loaded = [], [], []
    for path in (short, long):
        statements.append(least_statements(owner, path))
        with Loaded() as read:
            pages.append(owner.page(path))
        loaded.append(read.count)

    assert statements[0] == statements[1]
    assert loaded[0] == loaded[1] <= 61
    assert abs(len(pages[0].text) - len(pages[1].text)) < 200
    assert len(pages[1].all("article.message")) == 60


@pytest.mark.slow
def test_no_page_of_a_long_chat_is_kept_from_htmx(owner):
    path = add_thread(owner, 70)
    assert owner.get(path, headers=HTMX).status_code == 200


def test_the_menu_of_a_chat_has_groups_of_few_and_folds_the_rest(owner, path):
    entries = owner.page(path).all("#chat-menu-list > :is(a, button, details, hr)")
    names = [words(text_of(node.css_first("summary") or node)) for node in entries]
    folded = owner.page(path).all("#chat-rare:not([open]) :is(a, div > button)")

    groups = [group.strip(" |").split(" | ") for group in " | ".join(name or "-" for name in names).split("-")]
    notices = "Turn on notifications Turn off notifications"
    assert groups == [
        ["Rename", "Pin"],
        ["Share", "Move to project…"],
        ["More"],
        ["Archive", "Delete chat"],
    ]
    exports = [f"Export as {kind}" for kind in ("Markdown", "text", "web page", "JSON")]
    assert [words(text_of(node)) for node in folded] == [
        "Chat settings", "Create a link", *exports, "Tags", "Schedule…", "Create workflow…", notices,
    ]  # fmt: skip


def test_a_page_with_formulas_asks_for_their_font_at_once(owner, begin, fake):
    fake.says("So $a^2$ it is.")
    path = begin(owner, "Which?")
    page = owner.wait_for(path, ended)

    assert "maths" in page.one('main link[rel="preload"]').attributes["href"]
    fake.says("No formula.")
    assert not owner.wait_for(begin(owner, "And now?"), ended).all('main link[rel="preload"]')
