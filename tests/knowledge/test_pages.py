"""The pages of collections and documents: as forms without JavaScript, and as updates to open pages."""

import html
import re
from datetime import timedelta

import pytest
from flask import Flask, before_render_template
from jinja2 import Template
from sqlalchemy import select, update

from tests.chat.listener import Listener
from tests.knowledge.office import pdf
from tests.knowledge.test_documents import GUIDE
from webapp.base.audit import AuditEntry
from webapp.base.db import db, utc_now, write
from webapp.knowledge import service
from webapp.knowledge.documents import importing
from webapp.knowledge.queries import MOST_IN_TRASH
from webapp.knowledge.service import CollectionInput
from webapp.knowledge.tables import Document
from webapp.people.accounts.guards import current_user
from webapp.people.accounts.tables import User


def text_of_list(page) -> str:
    return page.one("#documents").text()


@pytest.fixture
def collection(member) -> str:
    """A collection created with its form."""
    page = member.submit("/knowledge", name="Handbook", about="How we work.")
    assert page.heading == "Handbook"
    return page.path


def added(browser, path: str, text: str, **more: str):
    """Adds a pasted text; returns the page of the collection once the text has been read."""
    assert browser.submit(path, text=text, **more).says("Added.")
    return browser.wait_for(path, lambda page: "passage" in text_of_list(page) and "Waiting" not in text_of_list(page))


@pytest.mark.parametrize(("title", "is_hidden"), [("", True), ("Manual", False)])
def test_a_first_heading_like_the_title_is_seen_once(member, collection, title, is_hidden):
    link = added(member, collection, GUIDE, title=title).one("#documents a")

    page = member.page(link.attributes["href"])
    assert page.all(".message-text :is(h1, h2, h3, h4)")[0].text() == "Pumps"
    assert bool(page.all(".passage--titled")) == is_hidden


def test_the_file_comes_back_as_it_was_added(member, stranger, app, shelf):
    content = pdf(*([f"{about} number {line} is oiled on Mondays." for line in range(25)] for about in ("Pump", "Mill")))
    shelf.read(id := shelf.file(shelf.collection(), "Pümpen.pdf", content))
    path = f"/knowledge/documents/{id}"
    page = member.page(f"{path}?passage=1&marked")

    assert page.all(".original a")[0].text() == "Open at page 2"
    shown = member.client.get(page.all(".original a")[0].attributes["href"].partition("#")[0])
    assert shown.data == content
    assert shown.headers["Content-Type"] == "application/pdf"
    assert shown.headers["Content-Disposition"].startswith("inline; filename=Pmpen.pdf; filename*=UTF-8''P%C3%BCmpen.pdf")
    assert shown.headers["X-Content-Type-Options"] == "nosniff"
    saved = member.client.get(page.all(".original a")[-1].attributes["href"])
    assert (saved.data, saved.headers["Content-Disposition"][:10]) == (content, "attachment")
    assert shelf.program.client.get(f"/api/v1/documents/{id}/file", headers=shelf.program.headers).data == content
    assert stranger.client.get(f"{path}/file").status_code == 404
    with app.app_context(), write() as session:
        session.execute(update(Document).where(Document.id == id).values(state="arriving"))
    assert member.client.get(f"{path}/file").status_code == 404


def test_what_a_browser_would_run_is_only_downloaded(member, shelf):
    shelf.read(id := shelf.file(shelf.collection(), "page.html", b"<p>Hello <script>alert(1)</script> pump</p>"))
    response = member.client.get(f"/knowledge/documents/{id}/file")

    assert response.headers["Content-Disposition"].startswith("attachment")
    assert response.headers["Content-Type"] == "application/octet-stream"
    assert [link.text() for link in member.page(f"/knowledge/documents/{id}").all(".original a")] == ["Download"]


@pytest.mark.slow
@pytest.mark.parametrize(("title", "said"), [("", "Pumps Care"), ("Manual", "Manual Pumps › Care")])
def test_a_title_that_is_a_heading_too_is_said_once(member, collection, title, said):
    added(member, collection, GUIDE, title=title)
    for found in (f"{collection}?q=bearing", "/knowledge?q=bearing", "/knowledge/try?q=bearing"):
        words = " ".join(member.page(found).one(".found__title").text().split())
        assert words.removeprefix("1 ").removesuffix(" given to the answer") == said


@pytest.mark.slow
def test_a_collection_from_its_making_to_its_end(member, collection):
    page = added(member, collection, GUIDE, title="Manual")
    assert "1 KB" in text_of_list(page)
    link = page.one("#documents a").attributes["href"]
    assert member.page(link).says("Oil the bearing of the pump every Friday.")
    assert member.page(f"{link}?marked").says("Pumps › Care")

    found = member.page(f"{collection}?q=oil+bearings")
    assert [node.text() for node in found.all(".found mark")] == ["Oil", "bearing"]
    hit = found.one(".found a").attributes["href"]
    assert member.page(hit).one(".passage--wanted").attributes["id"] == "passage-0"
    assert member.page("/knowledge?q=zebra").says("Nothing in your documents")

    assert member.submit(link, title="Almanac").says("Saved.")
    member.wait_for(collection, lambda page: "Almanac" in text_of_list(page) and "KB" in text_of_list(page))
    deleted = member.send(f"{link}/delete", {}, follow=True)
    assert deleted.says("Almanac was deleted.")
    assert member.page(f"{collection}?q=bearing").says("Nothing in this collection")
    assert member.send(f"{link}/restore", {}, follow=True).says("Restored.")
    assert member.send(f"{collection}/delete", {}, follow=True).says("Handbook was deleted.")
    assert member.get(link).status_code == 404
    assert member.send(f"{collection}/restore", {}, follow=True).says("Restored.")
    assert member.get(link).status_code == 200


@pytest.mark.slow
def test_there_is_no_search_where_there_is_nothing_to_find(member, stranger, collection):
    assert not stranger.page("/knowledge").all('[aria-label="Documents"]')
    page = member.page(collection)
    assert not page.all('[aria-label="Documents"]')
    assert page.one(".button--main[href='#add']").text() == "Add documents"
    page = added(member, collection, GUIDE)
    assert page.all('[aria-label="Documents"]')
    assert page.one("a.button--main").text() == "Start a chat"
    assert member.page("/knowledge").all('[aria-label="Documents"]')


@pytest.mark.slow
def test_what_is_there_already_is_said_to_be(member, collection):
    added(member, collection, GUIDE)
    page = member.submit(collection, text=GUIDE)
    assert page.one(".said").text(strip=True) == "Already in this collection, with the same content:Pumps."
    assert not page.says("Added.")
    assert member.page(page.one(".said a").attributes["href"]).heading == "Pumps"
    assert len(page.all("#documents [data-state]")) == 1


def test_what_was_entered_stays_when_it_is_refused(member, collection):
    page = member.send(f"{collection}/documents", {"level": "0"}, follow=False)
    assert (page.status_code, page.says("Choose a file, or enter an address or some text.")) == (422, True)
    page = member.send("/knowledge", {"name": " ", "level": "9"}, follow=False)
    assert page.status_code == 422


@pytest.mark.slow
def test_who_it_is_shared_with_sees_it_and_no_longer_when_that_ends(app, member, stranger, collection):
    added(member, collection, GUIDE)
    assert stranger.get(collection).status_code == 404
    shared = member.submit(f"{collection}/people", whom=f"user:{stranger.person_id}", right="read")
    assert shared.says("can read")
    page = stranger.page(collection)
    assert page.says("Shared with you")
    assert not page.all("textarea")
    assert stranger.page("/knowledge").says("Handbook")

    opened = Listener(stranger, page.one("#knowledge-feed").attributes["hx-sse:connect"])
    added(member, collection, "Grease the seal.", title="Seals")
    opened.until(lambda feed: "Seals" in feed.html and re.search(r"Seals.*?KB", feed.html, re.DOTALL))
    member.send(shared.one(".entries form").attributes["action"], {}, follow=True)
    assert stranger.get(collection).status_code == 404
    opened.greenlet.join(30)
    assert opened.greenlet.ready()
    with app.app_context():
        noted = db.session.scalars(
            select(AuditEntry.action).where(AuditEntry.object_kind == "collection").order_by(AuditEntry.id)
        )
        assert noted.all() == ["shared a collection", "stopped sharing a collection"]


def test_its_owner_alone_has_its_menu_its_form_and_the_names_of_its_people(member, owner, stranger, collection):
    assert not member.page(collection).all('#main [name="embedding_model"]')
    assert member.page(f"{collection}/edit").one('#main [name="embedding_model"]')
    assert [link.text() for link in member.page(collection).all("#page-menu a, #page-menu button")] == [
        *("Edit", "Share", "Delete collection")
    ]
    assert "Only you" in member.page(collection).one("#people").text()

    for browser, right in ((stranger, "read"), (owner, "write")):
        member.post(f"{collection}/people", whom=f"user:{browser.person_id}", right=right)
    people = [" ".join(node.text().split()) for node in member.page(collection).all("#people li")]
    assert people == ["s stranger can read", "o owner can read and write"]
    for browser, can_add in ((stranger, False), (owner, True)):
        page = browser.page(collection)
        assert browser.get(f"{collection}/edit").status_code == 403
        assert "Shared with you" in page.one("#people").text()
        assert not page.all('#people li, #page-menu, #main [name="embedding_model"]')
        assert bool(page.all("#document-files")) == can_add


def test_an_open_list_hears_of_what_changes_while_its_page_is_rendered(app, member):
    def change(_app: Flask, template: Template, **_: object) -> None:
        if template.name == "knowledge/list.html":
            service.create(CollectionInput(name="Handbook"), by=current_user())

    with before_render_template.connected_to(change, app):
        page = member.page("/knowledge")
    assert not page.says("Handbook")
    opened = Listener(member, page.one("#knowledge-feed").attributes["hx-sse:connect"])
    opened.until(lambda feed: "Handbook" in feed.html)
    opened.greenlet.kill()


@pytest.mark.slow
def test_an_open_page_hears_that_reading_was_given_up(app, member, collection):
    page = added(member, collection, GUIDE, title="Manual")
    opened = Listener(member, page.one("#knowledge-feed").attributes["hx-sse:connect"])
    with app.app_context():
        # As if the document had crashed the server the maximum number of times.
        with write() as session:
            session.execute(update(Document).values(state="waiting", attempts=importing.MOST_ATTEMPTS))
        importing.wake()
    opened.until(lambda feed: importing.BROKEN.partition(".")[0] in html.unescape(feed.html))
    opened.greenlet.kill()


@pytest.mark.slow
def test_a_level_hides_it_until_an_admin_raises_the_clearance(owner, member, stranger, collection):
    member.submit(f"{collection}/edit", name="Handbook", level="2")
    member.submit(f"{collection}/people", whom="everyone:", right="read")
    assert stranger.get(collection).status_code == 404
    assert owner.submit(f"/admin/people/{stranger.person_id}", clearance="2").says("Clearance changed.")
    assert stranger.page(collection).heading.startswith("Handbook")


@pytest.mark.slow
def test_of_a_trash_that_is_full_what_was_deleted_last_is_shown(app, member, collection):
    now, id = utc_now(), collection.rpartition("/")[2]
    with app.app_context(), write() as session:
        person = session.scalar(select(User.id).where(User.email == member.email))
        for number in range(MOST_IN_TRASH + 30):
            about = {
                "title": f"Paper {number}",
                "name": "a.md",
                "hash": str(number),
                "state": "ready",
                "bytes": 1,
                "characters": 1,
            }
            deleted = now - timedelta(seconds=number)
            session.add(Document(collection_id=id, added_by=person, deleted_at=deleted, **about))

    page = member.page(collection)

    titles = [node.text() for node in page.all("#trash ~ ul .what")]
    assert (titles[0], len(titles), titles[-1]) == ("Paper 0", MOST_IN_TRASH, f"Paper {MOST_IN_TRASH - 1}")
    assert page.says(f"These are the {MOST_IN_TRASH} deleted most recently.")
