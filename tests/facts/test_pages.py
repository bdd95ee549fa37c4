"""Facts on pages: added, edited, refused, forgotten, and shown below the answer that was given them."""

from tests.api.client import client_of
from tests.facts.test_api import ask, remember
from webapp.base.db import write
from webapp.chat.facts.tables import Fact
from webapp.tools.tables import Call


def test_a_fact_is_added_edited_and_forgotten(member):
    assert member.post("/facts", text="I live in Bern.", scope="me").status_code == 303
    page = member.page("/facts")
    assert "I live in Bern." in page.text
    path = str(page.one(".entries a").attributes["href"])
    assert member.post(path, text="I live in Zurich.", scope="me").status_code == 303
    assert "I live in Zurich." in member.page(path).text
    assert "looks like a password" in member.post("/facts", text="The password is hunter2.", scope="me").text
    member.post(f"{path}/state", state="refused")
    assert "Zurich" not in member.page("/facts").text
    assert "Zurich" in member.page("/facts?state=refused").text
    assert member.post(f"{path}/forget").status_code == 303
    assert member.get(path).status_code == 404


def test_a_projects_facts_lead_back_to_it(app, member):
    project = client_of(app, member.email).post("/projects", {"name": "Otters"}, status=201)["id"]
    assert f'href="/projects/{project}"' in above(member, f"/facts?project={project}")
    assert 'href="/settings/memory"' in above(member, "/facts?project=another")


def above(member, path: str) -> str:
    return str(member.page(path).text.partition("<h1")[0].rpartition("<main")[0].rpartition("<header")[2])


def test_an_answer_says_what_it_remembered(app, member, stranger, fake):
    program = client_of(app, member.email)
    fake.says("In Bern.")
    fact = remember(program, "I live in Bern.")
    answer = ask(program, "Where do I live?")
    chat = program.get("/chats")["chats"][0]["id"]
    assert "It remembered 1 thing" in member.page(f"/chats/{chat}").text
    assert "I live in Bern." in member.page(f"/messages/{answer['id']}/facts").text
    assert stranger.get(f"/messages/{answer['id']}/facts").status_code == 404
    page = member.page(f"/facts/{fact['id']}")
    assert "shaped 1 answer" in page.text
    assert "Answer again without it" in page.text


def test_the_exact_words_are_marked_in_their_source(app, member, fake):
    program = client_of(app, member.email)
    fake.says("Noted.")
    answer = ask(program, "Good morning 😀. I live in Bern. Bye.")
    source = {"kind": "message", "id": answer["parent_id"], "start": 16, "end": 31}
    fact = remember(program, "Lives in Bern.", source=source)
    assert member.page(f"/facts/{fact['id']}").one("mark").text() == "I live in Bern."


def test_words_of_a_message_become_a_fact(app, member, stranger, fake):
    program = client_of(app, member.email)
    fake.says("Noted, in *Bern*.")
    answer = ask(program, "Good morning 😀.\nI live\nin Bern. Bye.")
    path = f"/messages/{answer['parent_id']}/remember"
    assert "Good morning" in member.page(path).one("pre").text()
    assert stranger.get(path).status_code == 404
    assert "These words are not there." in member.post(path, quote="I live in Basel.", text="", scope="me").text
    assert "looks like a password" in member.post(path, quote="Bern", text="The password is hunter2.", scope="me").text
    assert member.post(path, quote="I live\r\nin Bern. ", text="", scope="me").status_code == 303
    fact = program.get("/facts")["facts"][0]
    source = {"kind": "message", "id": answer["parent_id"], "start": 16, "end": 31}
    assert (fact["text"], fact["source"], fact["is_outside"]) == ("I live in Bern.", source, False)

    assert member.post(f"/messages/{answer['id']}/remember", quote="*Bern*", text="It noted Bern.", scope="me").status_code == 303
    fact = program.get("/facts")["facts"][0]
    assert (fact["text"], fact["source"]["start"], fact["source"]["end"]) == ("It noted Bern.", 10, 16)
    links = [link.attributes["href"] for link in member.page(f"/messages/{answer['id']}/actions").all(".actions a")]
    assert f"/messages/{answer['id']}/remember" in links


def test_words_of_a_result_become_a_fact(app, member, stranger, fake):
    program = client_of(app, member.email)
    fake.says("Noted.")
    answer = ask(program, "Hello.")
    with app.app_context(), write() as session:
        call = Call(message_id=answer["id"], round=1, number=1, upstream_id="1", tool="search", title="Search")
        call.arguments, call.state, call.policy, call.text = "{}", "done", "allow", "Otters weigh ten kilograms."
        session.add(call)
        session.flush()
        call_id = call.id
    path = f"/messages/{answer['id']}/remember"
    assert "Otters weigh" in member.page(f"{path}?call={call_id}").one("pre").text()
    assert member.get(f"{path}?call=unknown").status_code == 404
    assert member.post(path, call=call_id, quote="ten kilograms", text="An otter weighs 10 kg.", scope="me").status_code == 303
    fact = program.get("/facts")["facts"][0]
    assert fact["source"] == {"kind": "call", "id": call_id, "start": 13, "end": 26}
    assert fact["is_outside"]
    assert stranger.get(f"{path}?call={call_id}").status_code == 404


def test_a_contradiction_is_asked_wherever_it_is_decided(app, member):
    program = client_of(app, member.email)
    old = remember(program, "I live in Rome.")
    with app.app_context():
        owner_id = member.person_id
        with write() as session:
            row = Fact(owner_id=owner_id, text="I live in Bern.", state="proposed", contradicts_id=old["id"])
            session.add(row)
            session.flush()
            id = row.id
    assert "I live in Rome." in member.page("/settings/memory").text
    # Not in a list, where nothing says what it would replace.
    assert not member.page("/facts?state=proposed").all("li button")
    page = member.page(f"/facts/{id}")
    assert "I live in Rome." in page.text
    page.press("Keep both")
    assert {fact["text"] for fact in program.get("/facts")["facts"]} == {"I live in Rome.", "I live in Bern."}
