"""Prompts, collections, files, models and characters named in the composer: the lists, the chips, and what is sent of them."""

import pytest

from tests.api.client import client_of
from tests.chat.conftest import ended, id_of
from tests.chat.library import Library
from tests.chat.test_files import drawn, uploaded
from tests.support.browser import HTMX
from tests.support.marks import also_on_postgres
from webapp.base.db import db
from webapp.chat.record.tables import Chat, Draft
from webapp.engine.tables import Generation
from webapp.models.connections import model_marks

REVIEW = "Look back at {{week: number}} in a {{tone: calm|brief}} tone."


def names(page) -> list[str]:
    return [node.attributes["data-name"] for node in page.all("#mentions [role=option]")]


def chips(page) -> list[str]:
    return [node.text().strip() for node in page.all("#composer-mentions .chip__name")]


@pytest.fixture
def library(app, owner) -> Library:
    return Library(app, owner)


def stored(app, path: str) -> Chat:
    with app.app_context():
        return db.session.get_one(Chat, id_of(path))


def test_prompts_are_listed_one_s_own_first_and_by_name(owner, member):
    owner.submit("/prompts/new", key="review", text=REVIEW, about="Looks back")
    owner.submit("/prompts/new", key="hello", text="Say hello.")

    page = owner.get("/mentions?sign=/")

    assert names(page) == ["hello", "review"]
    assert page.all("#mentions [role=option]")[1].text().split() == ["/review", "Looks", "back"]
    assert names(owner.get("/mentions?sign=/&q=REV")) == ["review"]
    assert "No prompts yet" in member.get("/mentions?sign=/").text
    assert owner.get("/mentions?sign=!").status_code == 422


def test_a_stranger_sees_no_list_of_a_chat(owner, stranger, path):
    assert owner.get(f"/mentions?sign=@&chat={id_of(path)}").status_code == 200
    assert stranger.get(f"/mentions?sign=@&chat={id_of(path)}").status_code == 404


@pytest.mark.slow
def test_the_fields_of_a_prompt_are_filled_in_above_the_text(owner, member, path, library):
    owner.submit("/prompts/new", key="hello", text="Say hello.")
    owner.submit("/prompts/new", key="review", text=REVIEW)
    hello, review = [
        node.attributes["data-url"] for node in owner.get(f"/mentions?sign=/&chat={id_of(path)}").all("[role=option]")
    ]

    assert owner.htmx_get(hello).one("[data-inserted]").text().strip() == "Say hello."
    assert member.htmx_get(hello).status_code == 404
    form = owner.htmx_get(review)
    assert form.one("form").attributes["action"] == review
    refused = owner.htmx_post(review, **{"field-week": "soon"})
    assert refused.status_code == 422
    assert refused.says("Enter a number.")
    inserted = owner.htmx_post(review, **{"field-week": "47", "field-tone": "calm"})
    assert inserted.one("[data-inserted]").text().strip() == "Look back at 47 in a calm tone."
    # Nothing is saved: the text is on the open page.
    assert owner.page(path).textbox("Message").value == ""


@also_on_postgres
def test_a_collection_named_in_a_chat_is_read_from_then_on(app, owner, member, path, fake, library):
    pumps, engines = library.collection(("Pumps", ["Oil"])), library.collection(("Engines", ["Fuel"]))
    listed = owner.get(f"/mentions?sign=%23&chat={id_of(path)}")
    assert names(listed) == ["Papers", "Papers"]
    assert names(member.get("/mentions?sign=%23")) == []

    fake.says("Two")
    owner.post(f"{path}/messages", message="And?", knowledge=pumps)
    assert owner.wait_for(path, ended).says("Answers can quote")
    assert stored(app, path).collection_ids == [pumps]

    # One that is read already isn't offered again, and a second one doesn't replace it.
    assert len(names(owner.get(f"/mentions?sign=%23&chat={id_of(path)}"))) == 1
    owner.post(f"{path}/messages", message="And?", knowledge=engines)
    owner.wait_for(path, ended)
    assert stored(app, path).collection_ids == [pumps, engines]
    theirs = Library(app, member).collection(("Theirs", ["Secret"]))
    assert owner.post(f"{path}/messages", message="And?", knowledge=theirs).status_code == 404


@also_on_postgres
def test_a_model_can_write_one_answer_alone(app, owner, path, fake):
    before = stored(app, path).model
    fake.says("Two")
    owner.post(f"{path}/messages", message="And?", answered_by="fake/second")
    owner.wait_for(path, ended)

    assert stored(app, path).model == before
    with app.app_context():
        assert "fake/second" not in model_marks.for_person(owner.person_id).recent
        assert {row.model_asked for row in db.session.query(Generation).filter_by(kind="chat")} == {before, "fake/second"}

    refused = owner.post(f"{path}/messages", message="And?", answered_by="demo/nobody")
    assert refused.status_code == 422
    assert refused.textbox("Message").value == "And?"
    begun = owner.post("/chats", message="Hello", answered_by="fake/second").location.partition("#")[0]
    owner.wait_for(begun, ended)
    assert stored(app, begun).model == before


@also_on_postgres
def test_a_draft_keeps_what_was_named(app, owner, path, library):
    pumps = library.collection(("Pumps", ["Oil"]))
    sent = {"message": "Half a", "knowledge": pumps, "answered_by": "fake/second"}
    for url, page in ((f"{path}/draft", path), ("/draft", "/")):
        assert owner.post(url, **sent).status_code == 204
        shown = owner.page(page)
        assert len(chips(shown)) == 2
        assert shown.textbox("Message").value == "Half a"

    # Without a text, too; and a page that is loaded with a chosen collection shows it once.
    owner.post("/draft", knowledge=pumps)
    assert chips(owner.page(f"/?knowledge={pumps}")) == ["Papers"]
    owner.post("/draft")
    assert chips(owner.page("/")) == []
    with app.app_context():
        assert db.session.query(Draft).count() == 1


def test_a_draft_shows_only_what_can_still_be_seen(app, owner, member, path, library):
    theirs = Library(app, member).collection(("Theirs", ["Secret"]))
    owner.post(f"{path}/draft", message="Half a", knowledge=theirs, answered_by="demo/nobody", spoken_by="0" * 26)
    assert chips(owner.page(path)) == []


def test_what_was_refused_keeps_its_chips(owner, path, library):
    pumps = library.collection(("Pumps", ["Oil"]))
    for url in (f"{path}/messages", "/chats"):
        for headers in (None, HTMX):
            refused = owner.post(url, headers=headers, message="/nothing", knowledge=pumps)
            assert refused.status_code == 422
            assert chips(refused) == ["Papers"]


@also_on_postgres
def test_a_queued_message_is_for_whom_it_names(app, owner, group, fake):
    path, ids = group
    fake.behaves([{"counted": 4_000, "pace": 0.05}])
    owner.post(f"{path}/messages", message="First")
    fake.until_asked()

    refused = owner.post(f"{path}/follow-up", message="Then", spoken_by="0" * 26)
    assert refused.status_code == 422
    assert refused.textbox("Message").value == "Then"
    owner.post(f"{path}/follow-up", message="Then", spoken_by=ids[1], answered_by="fake/second")
    page = owner.page(path)
    assert [node.text().split()[-1] for node in page.all(".next__for")] == ["Bo", "Second"]
    fake.says("Ahoy.")
    fake.over()

    page = owner.wait_for(path, lambda page: ended(page) and page.says("Ahoy."))
    assert client_of(app, owner.email).get(f"{path}/messages")["messages"][-1]["speaker"] == "Bo"
    with app.app_context():
        last = db.session.query(Generation).order_by(Generation.id.desc()).first()
        assert (last.model_asked, stored(app, path).model) == ("fake/second", "some/model")


def test_a_queued_message_that_is_taken_back_keeps_its_chips(owner, group, fake):
    path, ids = group
    fake.counts(4_000, pace=0.05)
    owner.post(f"{path}/messages", message="First")
    owner.post(f"{path}/follow-up", message="Then", spoken_by=ids[1])

    page = owner.page(path).press("Remove", message="More")

    assert page.textbox("Message").value == "Then\n\nMore"
    assert chips(page) == ["Bo"]
    assert not page.says("Next:")
    fake.over()


@pytest.fixture
def group(app, owner) -> tuple[str, list[str]]:
    """A chat with Mara and Bo, and their ids."""
    program = client_of(app, owner.email)
    ids = [program.post("/characters", {"name": name, "greeting": "Hi"}, status=201)["id"] for name in ("Mara", "Bo")]
    return f"/chats/{program.post('/chats', {'character_ids': ids}, status=201)['chat']['id']}", ids


@also_on_postgres
def test_a_chat_begins_with_the_character_that_the_home_page_names(app, owner, fake):
    id = client_of(app, owner.email).post("/characters", {"name": "Mara", "greeting": "Aye?"}, status=201)["id"]
    assert {"Mara", "Model"} <= {*names(owner.get("/mentions?sign=@"))}
    assert names(owner.get("/mentions?sign=@&q=mar")) == ["Mara"]
    owner.post("/draft", message="Half a", spoken_by=id)
    assert chips(owner.page("/")) == ["Mara"]
    fake.says("The mill is closed.")

    sent = {"message": "Good evening", "spoken_by": id, "key": "once", "temporary": "y"}
    first, second = owner.post("/chats", **sent), owner.post("/chats", **sent)

    assert first.headers["Location"] == second.headers["Location"]
    page = owner.wait_for(first.headers["Location"], ended)
    assert [text.split()[-1] for _, text in page.messages()] == ["Aye?", "evening", "closed."]
    assert chips(owner.page("/")) == []
    with app.app_context():
        chat = db.session.query(Chat).one()
        assert (chat.character_id, chat.kind, chat.title, chat.is_temporary) == (id, "roleplay", "Mara", True)


def test_a_character_of_someone_else_begins_nothing(app, owner, member):
    id = client_of(app, member.email).post("/characters", {"name": "Mara", "greeting": "Aye?"}, status=201)["id"]
    assert "Mara" not in names(owner.get("/mentions?sign=@"))

    for headers in (None, HTMX):
        refused = owner.post("/chats", headers=headers, message="Good evening", spoken_by=id)
        assert refused.status_code == 422
        assert refused.says("you don't have access")
        assert refused.textbox("Message").value == "Good evening"
    with app.app_context():
        assert not db.session.query(Chat).count()


@pytest.mark.slow
def test_a_file_that_was_sent_is_attached_again(owner, member, path, fake):
    fake.says("Seen")
    block = uploaded(owner, drawn(), "dot.png").json["block"]
    assert names(owner.get("/mentions?sign=%23")) == []
    owner.post(f"{path}/messages", message="Look", part=block)
    owner.wait_for(path, ended)

    (option,) = owner.get("/mentions?sign=%23").all("[role=option]")
    assert option.attributes["data-name"] == "dot.png"
    chip = owner.htmx_get(option.attributes["data-url"])
    assert chip.one("[name=part]").attributes["value"] == block
    assert member.htmx_get(option.attributes["data-url"]).status_code == 404


@pytest.mark.slow
def test_a_character_of_a_group_is_named(app, owner, group, fake):
    path, ids = group
    program = client_of(app, owner.email)
    assert names(owner.get(f"/mentions?sign=@&chat={id_of(path)}"))[:2] == ["Mara", "Bo"]
    owner.post(f"{path}/draft", message="Well", spoken_by=ids[1])
    assert chips(owner.page(path)) == ["Bo"]

    fake.says("Ahoy.")
    owner.post(f"{path}/messages", message="Well", spoken_by=ids[1])
    owner.wait_for(path, ended)
    assert program.get(f"{path}/messages")["messages"][-1]["speaker"] == "Bo"
