"""Sources of answers in streams, dialects, pages and exports, each shown only with the reader's permissions."""

import json

import pytest

from tests.api.client import ACTIVE, Client, client_of
from tests.chat.conftest import address, ended_with, give, id_of
from tests.chat.files import download
from tests.chat.library import FRIDAY, Library, ask, given
from tests.support.marks import also_on_postgres
from webapp.base.db import utc_now
from webapp.knowledge.tables import Collection, Document
from webapp.people.accounts.tables import Grant

QUESTION = "When is a bearing oiled?"
NULLS = dict.fromkeys(("title", "document_id", "passage_id", "page", "url"))


@pytest.fixture
def library(app, member) -> Library:
    return Library(app, member)


@pytest.fixture
def program(app, member) -> Client:
    return client_of(app, member.email)


@pytest.fixture
def path(member, library, answered, fake) -> str:
    """A chat whose last answer was given one source."""
    path = answered(member)
    library.attach(path, library.collection(("Pumps", [FRIDAY])))
    ask(member, path, QUESTION, fake, says="On Friday [1].")
    return path


def last(person, path: str) -> str:
    return str(person.page(path).message_ids[-1])


def sources_of(program: Client, message: str) -> list[dict]:
    return list(program.get(f"/messages/{message}")["sources"])


def sources_heard(program: Client, message: str, **more: str) -> list[dict]:
    generation = program.get(f"/messages/{message}")["generation"]["id"]
    events = program.events(f"/generations/{generation}/events", **more)
    names = [event.event for event in events]
    assert names.index("sources") < (names.index("delta") if "delta" in names else len(names))
    (heard,) = [json.loads(event.data)["items"] for event in events if event.event == "sources"]
    return list(heard)


@pytest.mark.slow
@also_on_postgres
def test_the_native_api_tells_them_before_the_text(member, program, path):
    message = last(member, path)
    (source,) = sources_of(program, message)

    assert (source["number"], source["title"], source["page"]) == (1, "Pumps", None)
    assert member.page(source["url"]).one(".passage--wanted").text(strip=True) == FRIDAY
    assert sources_heard(program, message) == [source]
    # From a position that the server no longer has, the stream begins with a snapshot.
    assert sources_heard(program, message, query={"after": "999999"}) == [source]


@pytest.mark.slow
def test_the_dialects_tell_them_in_their_place(app, member, program, library, path, fake):
    fake.says("On Friday [1].")
    session = {"message": QUESTION, "session_id": id_of(path)}
    whole = program.post("/api/ai/chat", session)
    (source,) = whole["sources"]
    assert (source["number"], source["title"]) == (1, "Pumps")
    streamed = program.call("POST", "/api/ai/chat/stream", session, buffered=True).get_data(as_text=True)
    (saved,) = [json.loads(line[5:]) for line in streamed.splitlines() if '"response_saved"' in line]
    assert saved["sources"] == [source]

    said = program.post(f"/chat/threads/{id_of(path)}/messages", {"content": QUESTION})
    assert said["message"]["sources"] == [source]
    streamed = program.call("POST", f"/chat/threads/{id_of(path)}/messages/stream", {"content": QUESTION}, buffered=True)
    told = [json.loads(line[5:]) for line in streamed.get_data(as_text=True).splitlines() if line.startswith("data:")]
    (complete,) = [event["data"] for event in told if event["type"] == "ai_response" and event["data"]["isComplete"]]
    assert complete["sources"] == [source]
    assert program.get(f"/chat/threads/{id_of(path)}/messages")["messages"][-1]["sources"] == [source]


@pytest.mark.slow
@also_on_postgres
def test_who_may_not_see_the_document_sees_that_a_source_is_withheld(app, member, stranger, path):
    give(path, stranger, "view")
    others, message = client_of(app, stranger.email), last(member, path)
    page = stranger.page(path)
    chip, below = page.one(".message-text a.cite"), page.one(".cited a.cite")
    assert chip.text() == below.text() == "1"
    shown = stranger.page(str(below.attributes["href"]))

    assert shown.says("You can't see this source.")
    assert stranger.page(str(chip.attributes["href"])).says("You can't see this source.")
    assert sources_of(others, message) == [{"number": 1, **NULLS}]
    assert sources_heard(others, message) == [{"number": 1, **NULLS}]
    assert others.get(f"/chat/threads/{id_of(path)}/messages")["messages"][-1]["sources"] == [{"number": 1, **NULLS}]
    exported = stranger.get(f"{path.partition('#')[0]}/export.md").text
    everything = [
        page.text,
        shown.text,
        exported,
        download(stranger, f"{path.partition('#')[0]}/export.html").decode(),
        stranger.get(str(below.attributes["data-panel"])).text,
    ]
    for text in everything:
        assert FRIDAY not in text
        assert "Pumps" not in text
    assert "[1] You can't see this source." in exported
    assert FRIDAY in member.page(f"/messages/{message}/sources").text


@pytest.mark.slow
def test_a_chip_leads_to_the_passage_and_its_document(member, path):
    page = member.page(path)
    shown = member.page(str(page.one(".cited a.cite").attributes["href"]))
    assert shown.says(FRIDAY)
    link = shown.all(".quoted__title a")[0]
    assert link.text() == "Pumps"
    assert member.page(str(link.attributes["href"])).one(".passage--wanted").text(strip=True) == FRIDAY

    fragment = member.get(str(page.one(".cited a.cite").attributes["data-panel"]), headers={"HX-Request": "true"}).text
    assert FRIDAY in fragment
    assert "<html" not in fragment


@pytest.mark.slow
def test_a_number_in_the_text_opens_the_passage_in_its_document(member, stranger, path):
    chip = member.page(path).one(".message-text a")
    assert chip.text() == "1"
    opened = member.get(str(chip.attributes["href"]))
    assert opened.status_code == 303
    assert member.page(str(opened.location)).one(".passage--wanted").text(strip=True) == FRIDAY

    # The links in a branch point to the branch's own copies of the messages, which outlive this one.
    give(path, stranger, "view")
    forked = stranger.post(address(stranger.page(path), "Branch into new chat")).location
    assert last(stranger, forked) in str(stranger.page(forked).one(".message-text a").attributes["href"])


@pytest.mark.slow
@pytest.mark.parametrize("is_erased", [False, True])
@also_on_postgres
def test_a_deleted_document_is_said_to_be_deleted(app, member, program, library, path, is_erased):
    message = last(member, path)

    def delete(session) -> None:
        document = session.query(Document).one()
        document.deleted_at = utc_now()
        if is_erased:
            session.delete(document)

    library.change(delete)
    shown = member.page(f"/messages/{message}/sources")
    assert shown.says("The document was deleted.")
    assert member.page(f"/messages/{message}/sources?number=1").says("The document was deleted.")
    assert FRIDAY not in shown.text
    assert "Pumps" not in shown.text
    assert sources_of(program, message) == [{"number": 1, **NULLS}]


@pytest.mark.slow
def test_a_deleted_collection_takes_its_sources_along(member, library, path):
    library.change(lambda session: setattr(session.query(Collection).one(), "deleted_at", utc_now()))
    shown = member.page(f"/messages/{last(member, path)}/sources")
    assert shown.says("The document was deleted.")
    assert FRIDAY not in shown.text


def test_a_right_that_is_taken_away_hides_old_sources(app, member, stranger, answered, fake):
    library, path = Library(app, stranger), answered(member)
    library.attach(path, library.collection(("Pumps", [FRIDAY]), to=member.person_id))
    ask(member, path, QUESTION, fake, says="On Friday [1].")
    message, program = last(member, path), client_of(app, member.email)
    assert member.page(f"/messages/{message}/sources").says(FRIDAY)

    library.change(lambda session: session.query(Grant).delete())
    shown = member.page(f"/messages/{message}/sources")
    assert shown.says("You can't see this source.")
    assert FRIDAY not in shown.text
    assert sources_of(program, message) == [{"number": 1, **NULLS}]


@pytest.mark.slow
def test_a_right_that_is_lost_while_an_answer_is_written_hides_its_source(app, member, stranger, answered, fake):
    library, path = Library(app, stranger), answered(member)
    library.attach(path, library.collection(("Pumps", [FRIDAY]), to=member.person_id))
    fake.says("On Friday [1], and never at noon.", holds=[4])
    member.submit(path, message=QUESTION)
    page = member.wait_for(path, lambda page: "On Friday" in page.text)
    message, program = str(page.message_ids[-1]), client_of(app, member.email)
    assert program.get(f"/messages/{message}")["status"] in ACTIVE

    library.change(lambda session: session.query(Grant).delete())
    # The source is hidden from a page opened now, and from a page that receives the rest of the stream.
    assert FRIDAY not in member.page(path).text
    fake.goes_on()
    member.wait_for(path, lambda page: "never at noon" in page.text and ended_with(4)(page))
    assert sources_of(program, message) == [{"number": 1, **NULLS}]
    assert sources_heard(program, message) == [{"number": 1, **NULLS}]
    shown = member.page(f"/messages/{message}/sources")
    assert (shown.says("You can't see this source."), FRIDAY in shown.text) == (True, False)
    assert FRIDAY not in ask(member, path, "And at noon?", fake).text
    assert given(fake, "And at noon?") == ""


def test_exports_name_them(member, path):
    base = path.partition("#")[0]
    assert "Sources:\n\n[1] Pumps" in member.get(f"{base}/export.md").text
    assert "[1] Pumps" in member.get(f"{base}/export.txt").text
    page = download(member, f"{base}/export.html").decode()
    assert "On Friday [1]." in page
    assert "Sources: [1] Pumps" in page
    filed = json.loads(member.get(f"{base}/export.json").text)
    assert filed["messages"][-1]["sources"] == [{"number": 1, "title": "Pumps", "page": None}]
    assert FRIDAY not in json.dumps(filed)


@pytest.mark.slow
def test_branches_and_edited_answers_keep_them(app, member, stranger, program, path):
    give(path, stranger, "view")
    url = address(member.page(path), "Branch into new chat")
    forked, taken = member.post(url).location, stranger.post(url).location

    assert sources_of(program, last(member, forked))[0]["title"] == "Pumps"
    assert sources_of(client_of(app, stranger.email), last(stranger, taken)) == [{"number": 1, **NULLS}]
    rewritten = program.post(f"/messages/{last(member, path)}/rewrite", {"message": "Fridays [1]."}, status=201)
    assert member.page(path).one(".message-text a.cite").text() == "1"
    assert rewritten["sources"][0]["title"] == "Pumps"
    # One whose marks were edited away is no source of that version.
    uncited = program.post(f"/messages/{last(member, path)}/rewrite", {"message": "Fridays."}, status=201)
    assert uncited["sources"] == []
    assert not member.page(path).all(".cited")


@pytest.mark.slow
def test_the_sources_of_a_strangers_answer_are_not_there(member, stranger, path):
    message = last(member, path)
    assert stranger.get(f"/messages/{message}/sources").status_code == 404
    assert member.page(f"/messages/{member.page(path).message_ids[-2]}/sources").says("no sources")


def test_sources_are_shown_beside_the_chat_one_after_the_other(app, member, library, answered, fake):
    path = answered(member)
    library.attach(path, library.collection(("Pumps", [FRIDAY]), ("Bearings", [f"A bearing turns. {FRIDAY}"])))
    ask(member, path, QUESTION, fake, says="On Friday [1] [2].")
    base = f"/messages/{last(member, path)}/sources"
    first, second, every = (member.htmx_get(f"{base}{query}") for query in ("?number=1", "?number=2", ""))
    assert first.one("#panel-title").text() == "Source 1"
    assert [link.attributes["href"] for link in first.all("nav a")] == [f"{base}?number=2"]
    assert [link.attributes["href"] for link in second.all("nav a")] == [f"{base}?number=1"]
    assert first.one("[title='Open as a page']").attributes["href"] == f"{base}?number=1"
    # The title leads to the document, in the panel too.
    document = member.htmx_get(str(first.all(".quoted__title a")[0].attributes["href"]))
    assert document.one("#panel-title").text() in {"Pumps", "Bearings"}
    assert FRIDAY in document.text
    assert len(every.all(".quoted")) == 2
    assert not every.all("nav a")
    assert member.htmx_get(f"{base}?number=9").says("no sources")
