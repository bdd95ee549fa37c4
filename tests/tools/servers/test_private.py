"""What a person's own tool server returned in a chat that others read: it is shown to that person alone."""

from typing import Any

import pytest
from sqlalchemy import select, update

from tests.api.client import Client
from tests.chat.conftest import address, give
from tests.support.browser import Browser
from tests.support.marks import also_on_postgres
from tests.support.mcp_server import McpServer
from tests.support.waiting import seen
from webapp.base.db import db, write
from webapp.chat.files.tables import ChatFile, StoredFile
from webapp.people.accounts.tables import User
from webapp.settings.service import set_setting
from webapp.tools.servers.tables import ToolServer
from webapp.tools.tables import Call

ONLY = "Only Mia sees what this returned."
# In the text of a result, in a file, and in an error.
TEXT, FILE, ERROR = "zebrafish", "They swim.", "must be in the future"


def own(member: Browser, server: dict[str, Any]) -> None:
    """Makes the server the member's own, as one that is connected can't be in this network."""
    with member.app.app_context():
        set_setting("tools.personal_servers", "1")
        with write() as session:
            session.execute(update(ToolServer).where(ToolServer.id == server["id"]).values(owner_id=member.person_id))
            session.execute(update(User).where(User.id == member.person_id).values(name="Mia"))
            session.execute(update(Call).values(private_to=member.person_id))
            session.execute(update(ChatFile).values(is_private=True))


@pytest.fixture
def answer(program: Client, admin: Client, accepted: dict[str, Any], member: Browser, fake) -> dict[str, Any]:
    """An answer that has called three tools of the member's own server."""
    for name in ("show", "fail"):
        admin.said("PATCH", f"/tool-servers/{accepted['id']}/tools/{name}", 200, {"policy": "allow"})
    calls = [{"tool": f"stand-in_{name}", "arguments": {}} for name in ("show", "echo", "fail")]
    fake.always({"rounds": [{"says": "Hm.", "calls": calls}, {"says": "There."}]})
    tools = ["stand-in.show", "stand-in.echo", "stand-in.fail"]
    started = program.post("/chats", {"message": "Go", "tools": tools}, status=201)["sent"]
    ended = program.ended(started)
    with member.app.app_context(), write() as session:
        session.execute(update(Call).where(Call.tool == "stand-in.echo").values(text=TEXT))
    own(member, accepted)
    return {**ended, **started, "path": f"/chats/{ended['chat_id']}"}


def everything(reader: Browser, program: Client, answer: dict[str, Any]) -> str:
    """Returns all that a reader of the chat can get of the answer."""
    path, calls = answer["path"], [call["id"] for call in answer["calls"]]
    page = reader.page(path)
    pages = [path, *(f"/calls/{id}" for id in calls)]
    pages += [f"{path}/export.{ending}" for ending in ("md", "txt", "html")]
    pages += [str(link.attributes["href"]) for link in page.all("a.sent-link")]
    texts = [reader.client.get(url).get_data(as_text=True) for url in pages]
    texts.append(reader.client.get(f"/messages/{answer['message_id']}/calls", headers={"HX-Request": "true"}).text)
    texts += [str(program.get(f"/calls/{id}")) for id in calls]
    texts += [str(program.get(f"/messages/{answer['message_id']}")), str(program.get(f"{path}/messages"))]
    texts.append(str(program.events(f"/generations/{answer['generation_id']}/events")))
    return "\n".join(texts)


@pytest.mark.slow
@also_on_postgres
def test_others_see_the_calls_without_what_they_returned(
    answer: dict[str, Any], member: Browser, stranger: Browser, program: Client, other: Client
) -> None:
    give(answer["path"], stranger, "view")
    mine, theirs = everything(member, program, answer), everything(stranger, other, answer)
    with member.app.app_context():
        file = db.session.scalars(select(StoredFile).where(StoredFile.name.contains("otters"))).one()
        assert file.owner_id == member.person_id
    for secret in (TEXT, FILE, ERROR, file.id):
        assert secret in mine, secret
        assert secret not in theirs, secret
    assert "Stand-in: Echo" in theirs
    assert ONLY in theirs
    assert ONLY not in mine
    assert [reader.get(f"/files/{file.id}").status_code for reader in (member, stranger)] == [200, 404]

    assert [len(reader.page(f"/chats?q={TEXT}").all(".hit")) for reader in (member, stranger)] == [1, 0]
    branch = stranger.post(address(stranger.page(answer["path"]), "Branch into new chat")).location.partition("#")[0]
    assert FILE not in stranger.client.get(f"{branch}/export.json").text
    with member.app.app_context():
        copies = db.session.scalars(select(Call).order_by(Call.id.desc()).limit(3)).all()
        assert {(call.text, call.error, *call.file_ids) for call in copies} == {("", "")}
        kept = select(ChatFile).where(ChatFile.chat_id == branch.rpartition("/")[2])
        assert not db.session.scalars(kept).all()


def test_a_link_with_everything_shows_nothing_of_it(app, answer: dict[str, Any], program: Client) -> None:
    shows = {"with": ["files", "reasoning", "calls", "names"]}
    link = program.post(f"{answer['path']}/links", shows, status=201)
    page = Browser(app).page("/s/" + link["url"].rpartition("/s/")[2])
    assert page.says("Stand-in: Echo")
    assert page.says("What this returned isn't shown here.")
    assert not [secret for secret in (TEXT, FILE, ERROR, ONLY, "otters") if secret in page.text]


def test_what_it_returned_stays_hidden_when_the_person_is_gone(answer: dict[str, Any], owner: Browser, admin: Client) -> None:
    give(answer["path"], owner, "view")
    with owner.app.app_context(), write() as session:
        session.execute(update(Call).values(private_to="0" * 26))
    assert owner.page(f"/calls/{answer['calls'][1]['id']}").says("for one person alone")
    assert admin.get(f"/calls/{answer['calls'][1]['id']}")["text"] == ""


def test_a_call_of_an_own_server_is_stored_as_private(program: Client, accepted: dict[str, Any], member: Browser, fake) -> None:
    own(member, accepted)
    fake.always({"rounds": [{"calls": [{"tool": "stand-in_echo", "arguments": {}}]}, {"says": "There."}]})
    (call,) = program.ended(program.post("/chats", {"message": "Go", "tools": ["stand-in.echo"]}, status=201)["sent"])["calls"]
    with member.app.app_context():
        assert db.session.get_one(Call, call["id"]).private_to == member.person_id


def test_others_can_deny_what_only_its_person_can_allow(
    program: Client, other: Client, accepted: dict[str, Any], member: Browser, stranger: Browser, stand_in: McpServer, fake
) -> None:
    fake.always({"rounds": [{"calls": [{"tool": "stand-in_count", "arguments": {}}]}, {"says": "There."}]})
    sent = program.post("/chats", {"message": "Go", "tools": ["stand-in.count"]}, status=201)["sent"]
    (call,) = seen(lambda: program.get("/waiting")["calls"], bool, seconds=30)
    own(member, accepted)
    path = f"/chats/{program.get('/chats')['chats'][0]['id']}"
    give(path, stranger, "write")
    assert {"allow", "allow_in_chat", "deny"} == buttons(member, path)
    for at in (path, f"/messages/{sent['message_id']}/calls"):
        assert buttons(stranger, at) == {"deny"}
    assert "Only Mia can allow this." in stranger.page(path).text
    other.post(f"/calls/{call['id']}/decision", {"decision": "allow"}, status=403)
    assert other.post(f"/calls/{call['id']}/decision", {"decision": "deny"})["state"] == "denied"
    program.ended(sent)
    assert not stand_in.of("tools/call")


def buttons(reader: Browser, path: str) -> set[str]:
    page = reader.htmx_get(path)
    return {str(button.attributes["value"]) for button in page.all(".ask button[name=decision]")}
