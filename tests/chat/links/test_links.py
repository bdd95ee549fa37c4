"""Links: what they show to people without an account, and when they are closed."""

import re
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import gevent
import pytest
from sqlalchemy import select, update

from tests.api.client import client_of
from tests.chat.conftest import address, ended, give, id_of, let_finish, raw_of_last
from tests.chat.files import bring
from tests.chat.test_call_files import BRING, offer
from tests.chat.test_files import drawn, uploaded
from tests.support.browser import Browser
from tests.support.catalogues import write_catalogue
from tests.support.marks import also_on_postgres
from tests.support.markup import words
from webapp.base import languages
from webapp.base.db import db, utc_now, write
from webapp.chat import erasing
from webapp.chat.files.tables import StoredFile
from webapp.chat.record.tables import Chat
from webapp.people.accounts.tables import User
from webapp.people.members import service as people_service
from webapp.settings.secrets.encryption import stored
from webapp.settings.service import set_setting
from webapp.tools.files import NewFile
from webapp.workspace.links.service import MOST_OF_CHAT
from webapp.workspace.links.tables import Link

ID = re.compile(r"(?<![0-9a-z])[0-9][0-9a-hjkmnp-tv-z]{25}(?![0-9a-z])")


@pytest.fixture
def path(owner, answered, fake) -> str:
    fake.says("Two **rivers**, <b>one</b> [note][^1]\n\n[^1]: A footnote.", cost=0.0001)
    path = answered(owner, "Which rivers?")
    owner.post(f"{path}/rename", title="The rivers")
    return path


@pytest.fixture
def nobody(app) -> Browser:
    return Browser(app)


def link(owner: Browser, path: str, **body: Any) -> dict[str, Any]:
    response = owner.client.post(f"/api/v1{path.partition('#')[0]}/links", json=body)
    assert response.status_code == 201, response.text
    return dict(response.json)


def path_of(link: dict[str, Any]) -> str:
    return "/s/" + str(link["url"]).rpartition("/s/")[2]


@also_on_postgres
def test_a_snapshot_shows_what_was_there_to_anyone_and_counts_them(owner, nobody, path, fake):
    made = link(owner, path)
    page = nobody.page(path_of(made))
    fake.says("Later", cost=0.0001)
    owner.post(f"{path}/messages", message="And lakes?")
    owner.wait_for(path, ended)

    assert page.says("The rivers")
    assert page.says("Which rivers?")
    assert page.says("Two rivers")
    assert not nobody.page(path_of(made)).says("And lakes?")
    [listed] = owner.client.get(f"/api/v1{path}/links").json["links"]
    assert (listed["id"], listed["visits"], listed["is_open"]) == (made["id"], 2, True)
    assert timedelta(days=6.9) < db_end(owner, made) - utc_now() < timedelta(days=7)


def db_end(browser: Browser, made: dict[str, Any]) -> Any:
    with browser.app.app_context():
        return db.session.get_one(Link, made["id"]).ends_at


def test_the_headings_of_an_answer_are_below_its_own(owner, nobody, answered, fake):
    fake.says("# Rivers\n\n## Long ones\n\n`<h2>`")
    page = nobody.page(path_of(link(owner, answered(owner, "Which?"))))
    headings = [(node.tag, node.text()) for node in page.all("article h2, article h3, article h4")]
    assert headings == [("h2", "Question"), ("h2", "Answer"), ("h3", "Rivers"), ("h4", "Long ones")]
    assert page.one("article code").text() == "<h2>"


def test_a_page_sets_no_cookie_asks_nobody_else_and_names_no_row(owner, nobody, path):
    address = path_of(link(owner, path, **{"with": ["files", "reasoning", "calls", "names"]}))
    responses = [nobody.client.get(address), nobody.client.get(f"{address}x")]

    for response in responses:
        said = f"{response.headers}\n{response.text}"
        assert "Set-Cookie" not in response.headers
        assert "Cookie" not in response.headers.get("Vary", "")
        assert response.headers["X-Robots-Tag"].startswith("noindex")
        assert '<meta name="robots" content="noindex' in response.text
        assert not ID.findall(said)
        assert not re.findall(r'(?:src|href|action)="(?!/|#)', response.text)
        assert response.headers["Referrer-Policy"] == "no-referrer"
        assert "script-src 'self'" in response.headers["Content-Security-Policy"]
        assert "unsafe" not in response.headers["Content-Security-Policy"]
    assert [response.status_code for response in responses] == [200, 404]
    etag = responses[0].headers["ETag"]
    assert nobody.client.get(address, headers={"If-None-Match": etag}).status_code == 304


def test_its_page_saved_as_a_file_is_imported_as_it_was_written(owner, member, nobody, path):
    saved = nobody.client.get(path_of(link(owner, path, **{"with": ["names"]}))).data
    page = bring(member, saved)
    assert page.says("1 new chat, 2 new messages.")
    assert bring(member, saved).says("Nothing new")
    copy = str(member.page("/chats").all('ul.rows a[href^="/chats/"]')[0].attributes["href"])
    shown = member.page(copy)

    assert shown.says("The rivers")
    assert shown.says("owner (from a file)")
    assert raw_of_last(shown) == raw_of_last(owner.page(path))
    exported = bring(member, owner.client.get(f"{path}/export.html").data)
    assert exported.says("Nothing new")
    assert bring(member, b"<!doctype html><html><h1>Elsewhere</h1></html>").says("Only web pages that Millrace has exported")


def test_what_is_not_checked_is_not_there(owner, nobody, fake):
    fake.always({"rounds": [{"calls": [BRING]}, {"says": "Here", "reasoning": "Secretly"}]})
    key = offer(owner, NewFile("mill.png", drawn()), text="Returned")
    path = owner.post("/chats", message="Who am I?", tools=key).location.partition("#")[0]
    owner.wait_for(path, ended)
    told = {"files": "/files/", "reasoning": "Secretly", "calls": "Returned", "names": "owner"}
    pages = {part: nobody.get(path_of(link(owner, path, **{"with": [part]}))) for part in told}

    shown = {part: {other for other, words in told.items() if words in page.text} for part, page in pages.items()}
    assert shown == {part: {part} for part in told}
    assert pages["files"].text.count("/files/") == 2
    assert not [part for part, page in pages.items() if ID.findall(page.text)]


def test_a_file_that_a_call_made_is_downloaded(owner, nobody, fake):
    fake.always({"rounds": [{"calls": [BRING]}, {"says": "Here"}]})
    path = owner.post("/chats", message="Go", tools=offer(owner, NewFile("notes.md", b"# Notes"))).location.partition("#")[0]
    owner.wait_for(path, ended)
    page = nobody.get(path_of(link(owner, path, **{"with": ["files"]})))
    [address] = re.findall(r'href="(/s/[^"]+/files/[^"]+)"', page.text)
    saved = nobody.client.get(address)
    assert (saved.data, saved.headers["Content-Disposition"].partition(";")[0]) == (b"# Notes", "attachment")
    without = nobody.get(path_of(link(owner, path)))
    assert "notes.md" not in without.text


def test_a_file_is_served_by_its_link_alone_and_as_long_as_it_is_open(app, owner, nobody, path):
    picture = uploaded(owner, drawn()).json
    chat = owner.post("/chats", message="Look", part=picture["block"]).location.partition("#")[0]
    owner.wait_for(chat, ended)
    made, other = link(owner, chat, **{"with": ["files"]}), link(owner, path, **{"with": ["files"]})
    [address] = set(re.findall(r'src="(/s/[^"]+)"', nobody.get(path_of(made)).text))
    response = nobody.client.get(address)

    assert (response.status_code, response.mimetype) == (200, "image/png")
    assert "Set-Cookie" not in response.headers
    assert response.headers["X-Robots-Tag"].startswith("noindex")
    with app.app_context():
        file = db.session.scalars(select(StoredFile)).one()
        assert file.hash not in str(response.headers)
        assert file.id not in str(response.headers)
    assert nobody.client.get(address, headers={"If-None-Match": response.headers["ETag"]}).status_code == 304
    assert nobody.client.get(path_of(other) + "/files/" + address.rpartition("/")[2]).status_code == 404
    assert nobody.client.get(picture["url"]).status_code != 200
    owner.post(f"/links/{made['id']}/revoke")
    assert nobody.client.get(address).status_code == 404


def test_every_way_to_close_a_link_looks_like_an_unknown_one(app, owner, member, nobody, path):
    made = link(owner, path)
    unknown = nobody.get("/s/AAAAAAAAAAAAAAAAAAAAAA").text

    def is_closed() -> bool:
        response = nobody.client.get(path_of(made))
        return response.status_code == 404 and response.text == unknown

    assert not is_closed()
    owner.post(f"{path}/delete")
    assert is_closed()
    owner.post(f"{path}/restore")
    assert not is_closed()
    with app.app_context():
        for name, value in (("links.who", "off"), ("links.who", "members")):
            set_setting(name, value)
            assert is_closed() == (value == "off")
        for closing, opening in (
            (update(User).values(disabled_at=utc_now()), update(User).values(disabled_at=None)),
            (update(Chat).values(owner_id=member.person_id), update(Chat).values(owner_id=owner.person_id)),
            (update(Link).values(ends_at=utc_now()), update(Link).values(ends_at=None)),
            (update(Link).values(ends_at=None), update(Link).values(ends_at=utc_now() + timedelta(1))),
        ):
            with write() as session:
                session.execute(closing)
            assert is_closed()
            with write() as session:
                session.execute(opening)
    assert not is_closed()
    answer = owner.page(path).message_ids[-1]
    owner.post(f"/messages/{answer}/delete")
    assert is_closed()
    owner.post(f"/messages/{answer}/restore")
    assert not is_closed()
    assert owner.client.delete(f"/api/v1/links/{made['id']}").status_code == 204
    assert is_closed()


def test_links_are_closed_while_their_person_lacks_the_permission(owner, member, nobody, fake):
    path = member.post("/chats", message="Hello").location.partition("#")[0]
    member.wait_for(path, ended)
    made, program = link(member, path), client_of(owner.app, owner.email)
    for is_allowed in (False, True):
        program.said("PUT", "/permissions", 200, {"roles": {"member": {"links": is_allowed}}})
        assert nobody.client.get(path_of(made)).status_code == (200 if is_allowed else 404)


@also_on_postgres
def test_the_bound_of_a_chats_links_holds_for_many_at_once(owner, path):
    made = [gevent.spawn(owner.client.post, f"/api/v1{path}/links", json={}) for _ in range(MOST_OF_CHAT + 10)]
    gevent.joinall(made, raise_error=True)
    statuses = Counter(greenlet.value.status_code for greenlet in made)
    assert statuses == {201: MOST_OF_CHAT, 409: 10}


def test_a_link_to_an_answer_shows_that_alone_with_its_question(owner, nobody, path, fake):
    fake.says("Three lakes", cost=0.0001)
    owner.post(f"{path}/messages", message="And lakes?")
    page = owner.wait_for(path, ended)
    made = link(owner, path, message_id=page.message_ids[-1])
    shown = nobody.page(path_of(made))

    assert shown.says("And lakes?")
    assert shown.says("Three lakes")
    assert not shown.says("Which rivers?")
    assert "The rivers" not in shown.text
    assert "The rivers" in owner.get("/links").text
    answer = f"/messages/{page.message_ids[-1]}"
    assert owner.page(f"{answer}/actions").one(f"main a[href='{answer}/links']").text() == "Create a link"
    question = owner.client.post(f"/api/v1{path}/links", json={"message_id": page.message_ids[-2]})
    assert question.status_code == 422
    elsewhere = owner.client.post(f"/api/v1{path}/links", json={"message_id": "0" * 26})
    assert elsewhere.status_code == 404


def test_an_answer_that_goes_on_does_not_go_on_in_a_snapshot(owner, nobody, path, fake):
    snapshot, live = link(owner, path), link(owner, path, live=True)
    fake.says(" And a third.", cost=0.0001)
    owner.post(address(owner.page(path), "Continue"))
    let_finish(owner.app, lambda _: True)
    owner.wait_for(path, ended)

    assert not nobody.page(path_of(snapshot)).says("third")
    assert nobody.page(path_of(live)).says("third")


def test_who_has_an_account_continues_what_the_link_shows_and_no_more(owner, member, nobody, path):
    address = path_of(link(owner, path))
    assert nobody.get(f"{address}/continue").location.startswith("/login?next=/s/")
    copy = member.page(f"{address}/continue") and member.post(f"{address}/continue").location
    page = member.page(copy)

    assert page.says("Two rivers")
    assert page.says("Which rivers?")
    assert not page.says("owner")
    assert owner.page(path).message_ids != page.message_ids
    assert member.post("/s/AAAAAAAAAAAAAAAAAAAAAA/continue").status_code == 404


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"ends_at": None}, 422, "A link needs an end"),
        ({"ends_at": "2020-01-01T00:00:00Z"}, 422, "This end is in the past."),
        ({"ends_at": "9999-01-01T00:00:00Z"}, 422, "A link needs an end"),
        ({"ends_at": "tomorrow"}, 422, "Input should be a valid datetime, input is too short"),
        ({"with": ["keys"]}, 422, "Input should be 'files'"),
        ({"message_id": "x"}, 404, "Page not found"),
    ],
)
def test_what_makes_no_sense_is_refused(owner, path, body, status, said):
    refused = owner.client.post(f"/api/v1{path}/links", json=body)
    assert refused.status_code == status
    assert said in refused.text.replace("\\u2019", "'"), refused.text


def test_a_program_says_when_a_link_ends(owner, path):
    end = (utc_now() + timedelta(days=30)).isoformat(timespec="seconds")
    made = link(owner, path, ends_at=end)
    assert datetime.fromisoformat(made["ends_at"]) == datetime.fromisoformat(end)


def test_only_the_owner_links_and_admins_see_whose_but_not_what(app, owner, member, stranger, path):
    give(path, member, "write")
    made = link(owner, path)
    assert member.client.post(f"/api/v1{path}/links", json={}).status_code == 404
    assert member.post(f"/links/{made['id']}/revoke").status_code == 404
    admin = owner.page("/admin/links")

    assert "0 visits" in words(admin.all("main")[0].text())
    assert "The rivers" not in admin.all("main")[0].text()
    assert "/s/" not in admin.text
    assert owner.page("/links").says("The rivers")
    assert made["url"] in owner.page("/links").text
    assert owner.post(f"/links/{made['id']}/revoke").status_code == 303
    assert owner.page("/links").says("No links yet.")


def test_the_form_creates_the_same_link_without_a_script(app, owner, nobody, path):
    page = owner.submit(f"{path}/links", live="", shows="names", life="30")
    [made] = owner.client.get(f"/api/v1{path}/links").json["links"]
    assert page.says("Link created.")
    assert made["url"] in page.text
    assert (made["with"], made["live"]) == (["names"], False)
    assert timedelta(days=29) < db_end(owner, made) - utc_now() < timedelta(days=31)
    with app.app_context():
        set_setting("links.for_ever", "true")
    owner.submit(f"{path}/links", live="live", life="never")
    assert owner.client.get(f"/api/v1{path}/links").json["links"][0]["ends_at"] is None


def test_a_link_goes_with_its_chat_and_with_its_person(app, owner, member, nobody, answered, path):
    made = link(owner, path)
    theirs = link(member, answered(member, "Mine"))
    with app.app_context():
        erasing.erase(Chat.id == id_of(path))
        people_service.erase_person(member.email)
        assert not db.session.scalars(select(Link)).all()
    assert [nobody.get(path_of(gone)).status_code for gone in (made, theirs)] == [404, 404]


def test_its_address_is_stored_as_a_hash_and_encrypted(app, owner, path):
    made = link(owner, path)
    token = path_of(made).removeprefix("/s/")
    assert len(token) == 22
    with app.app_context():
        row = db.session.get_one(Link, made["id"])
        assert token not in f"{row.token_hash} {row.ciphertext}"
        assert [secret.id for holder, secret in stored() if holder.kind == "link"] == [made["id"]]


def test_each_reader_gets_its_page_in_their_language(owner, nobody, answered, fake, tmp_path):
    write_catalogue(tmp_path / "words", "de", {"Question": "Frage", "Answer": "Antwort", "Source": "Quelltext"}, name="Deutsch")
    languages.load(tmp_path / "words")
    fake.says("```mermaid\ngraph TD; A-->B\n```", cost=0.0001)
    address = path_of(link(owner, answered(owner, "Which?")))
    for code, expected in (("de", ["Frage", "Antwort", "Quelltext"]), ("en", ["Question", "Answer", "Source"])):
        page = nobody.get(address, headers={"Accept-Language": code})
        assert [node.text() for node in page.all("article h2, article summary")] == expected
    languages.load(tmp_path / "none")
