"""Earlier messages are inserted above the visible ones without moving these."""

import sqlite3
from contextlib import closing

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.support.server import Server
from tests.upstream.handle import Upstream

pytestmark = pytest.mark.slow
EARLIER = 120
TO_THE_TOP = """() => {
  const articles = document.querySelectorAll("#thread > article");
  scrollTo({ top: 0, behavior: "instant" });
  return [articles.length, articles[0].id];
}"""


def lengthen(server: Server, chat_id: str) -> None:
    """Inserts many messages before the first one of a chat."""
    with closing(sqlite3.connect(server.folder / "millrace.sqlite3", timeout=60)) as database:
        database.row_factory = sqlite3.Row
        first = database.execute("SELECT * FROM messages WHERE chat_id = ? AND parent_id IS NULL", (chat_id,)).fetchone()
        parent = None
        for number in range(EARLIER):
            row = {**dict(first), "id": f"{number:04d}{chat_id[4:]}", "parent_id": parent}
            names, places = ", ".join(row), ", ".join("?" * len(row))
            database.execute(f"INSERT INTO messages ({names}) VALUES ({places})", tuple(row.values()))
            parent = row["id"]
        database.execute("UPDATE messages SET parent_id = ? WHERE id = ?", (parent, first["id"]))
        database.commit()


def test_what_is_read_stays_when_earlier_messages_come_in_every_browser(server: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.says("Ready.")
    chat = visit(server).begin("Hello")
    chat.expect("completed")
    lengthen(server, chat.path.rpartition("/")[2])
    page = chat.page
    page.goto(f"{chat.path}?again")
    page.evaluate("document.documentElement.style.overflowAnchor = 'none'")
    articles = page.locator("#thread > article")

    # In one call: the next messages can arrive at any moment.
    before, first = page.evaluate(TO_THE_TOP)

    expect(articles).not_to_have_count(before)
    expect(page.locator(f"#{first}")).to_be_in_viewport()
