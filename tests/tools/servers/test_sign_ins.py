"""Signing in at tool servers: each person for themselves, in one browser; tokens are renewed, revoked and never shown."""

import html
import logging
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from sqlalchemy import select, update

from tests.api.client import Client, client_of
from tests.support.browser import Browser
from tests.support.marks import also_on_postgres
from tests.support.mcp_server import STATELESS, failed
from tests.support.sign_in_server import SignInServer
from tests.support.waiting import seen, until
from tests.tools.servers.conftest import accept_all
from webapp.base.db import db, utc_now, write
from webapp.engine.engine import ENGINE
from webapp.people.accounts import service as accounts
from webapp.people.accounts.tables import PersonAuthor, User
from webapp.people.members import service as people_service
from webapp.settings.secrets import keyring
from webapp.streaming.stop import Stop
from webapp.tools.offers import tools_of
from webapp.tools.servers import sign_ins
from webapp.tools.servers.tables import ToolSignIn
from webapp.tools.tool import CallContext, Result, ToolFailed

PAGE = "/settings/tools"


@pytest.fixture
def provider(app) -> Iterator[SignInServer]:
    server = SignInServer(STATELESS)
    yield server
    server.close()
    assert not server.faults


@pytest.fixture
def server(admin: Client, owner: Browser, provider: SignInServer) -> dict[str, Any]:
    """A server where each person signs in; the owner has, and has accepted its tools."""
    row = admin.post("/tool-servers", {"name": "Safe", "url": provider.url, "sign_in": "oauth"}, status=201)
    assert (row["tools"], row["is_available"]) == ([], False)
    signed_in(owner, row["id"], provider)
    return accept_all(admin, row["id"])


def begun(browser: Browser, id: str) -> str:
    """Returns the address at which the person continues to sign in."""
    page = browser.post(f"/tools/servers/{id}/sign-in")
    assert page.status_code == 200, page.text
    assert page.says("127.0.0.1")
    return html.unescape(str(page.all("a.button--main")[0].attributes["href"]))


def come_back(browser: Browser, said: dict[str, str]) -> Any:
    return browser.get(f"/tools/sign-in/return?{urlencode(said)}")


def signed_in(browser: Browser, id: str, provider: SignInServer) -> None:
    page = come_back(browser, provider.allow(begun(browser, id)))
    assert page.status_code == 303, page.text


def call(app, browser: Browser, name: str = "safe.count") -> Result:
    """Calls a tool as an answer of this person would."""
    with app.app_context():
        person = db.session.get_one(User, browser.person_id)
        tool = tools_of(person)[name]
        assert tool.run
        return tool.run(CallContext("call", "chat", person, Stop(EVENT)), {})


class EVENT:
    """A signal that nothing sets."""

    def set(self) -> None:
        raise AssertionError

    def clear(self) -> None:
        raise AssertionError

    def wait(self, timeout: float | None = None) -> bool:
        return False


def reason(program: Client) -> str:
    return next(str(tool["reason"]) for tool in program.get("/tools")["tools"] if tool["key"] == "safe.count")


def row_of(app, browser: Browser) -> ToolSignIn:
    with app.app_context():
        return db.session.scalars(select(ToolSignIn).where(ToolSignIn.user_id == browser.person_id)).one()


def test_each_person_signs_in_and_acts_with_their_own_token(
    app, member: Browser, program: Client, server, provider: SignInServer
) -> None:
    assert "Sign in to Safe first" in reason(program)
    with pytest.raises(ToolFailed, match="Sign in to Safe first"):
        call(app, member)
    assert member.page(PAGE).says("You aren't signed in")
    before = set(provider.access)
    signed_in(member, server["id"], provider)
    (token,) = provider.access - before
    assert reason(program) == ""
    assert "counted to 1" in call(app, member).text
    assert provider.of("tools/call")[-1].headers["authorization"] == f"Bearer {token}"
    page = member.page(PAGE)
    assert page.says("You are signed in.")
    assert token not in page.text
    assert token not in str(program.get(f"/tool-servers/{server['id']}"))


def test_nobody_else_allows_what_is_done_in_a_persons_name(
    app, member: Browser, stranger: Browser, program: Client, server, provider: SignInServer, fake
) -> None:
    signed_in(member, server["id"], provider)
    fake.always({"rounds": [{"calls": [{"tool": "safe_count", "arguments": {}}]}, {"says": "Counted."}]})
    sent = program.post("/chats", {"message": "Go", "tools": ["safe.count"]}, status=201)["sent"]
    path, live = f"/messages/{sent['message_id']}", ENGINE.of(app).live
    answer = seen(lambda: program.get(path), lambda row: row["status"] == "waiting" and not live, seconds=30)
    grant = {"to": "user", "to_id": stranger.person_id, "right": "write"}
    program.said("PUT", f"/chats/{sent['chat_id']}/grants", 200, grant)
    signed_in(stranger, server["id"], provider)
    decision, other = f"/calls/{answer['calls'][0]['id']}/decision", client_of(app, stranger.email)
    for allowing in ("allow", "allow_in_chat"):
        assert "in their name" in other.post(decision, {"decision": allowing}, status=403)["detail"]
    assert provider.counted == 0
    program.post(decision, {"decision": "allow"})
    seen(lambda: program.get(path), lambda row: row["status"] == "completed", seconds=30)
    assert provider.counted == 1


@pytest.mark.parametrize("how", ["another person", "another browser", "twice", "late", "made up", "another issuer", "denied"])
def test_a_sign_in_ends_only_where_it_began(
    app, member: Browser, stranger: Browser, owner: Browser, server, provider: SignInServer, how: str
) -> None:
    said = provider.allow(begun(member, server["id"]))
    browser = member
    if how == "another person":
        browser = stranger
    elif how == "another browser":
        browser = Browser(app, email=member.email)
        browser.client.set_cookie("millrace", new_session(app, member))
    elif how == "twice":
        come_back(member, said)
    elif how == "late":
        with app.app_context(), write() as session:
            session.execute(update(ToolSignIn).values(attempt_until=utc_now() - timedelta(seconds=1)))
    elif how == "made up":
        said = {**said, "state": "x" * 43}
    elif how == "another issuer":
        said = {**said, "iss": "https://evil.example"}
    else:
        said = {"state": said["state"], "error": "access_denied", "iss": said["iss"]}
    page = come_back(browser, said)
    assert page.status_code == 422
    assert page.says("You aren't signed in")
    assert provider.codes if how != "twice" else True
    if how not in ("twice", "another person", "made up"):
        assert row_of(app, member).tokens == ""


def new_session(app, browser: Browser) -> str:
    with app.app_context():
        secret = accounts.open_session(browser.person_id, "")
        db.session.commit()
        return secret


def test_a_token_that_expires_is_renewed_and_each_refresh_token_is_used_once(
    app, member: Browser, server, provider: SignInServer
) -> None:
    provider.lives_seconds = 1
    signed_in(member, server["id"], provider)
    provider.lives_seconds = 3600
    call(app, member)
    first = provider.of("tools/call")[-1].headers["authorization"]
    call(app, member)
    assert provider.of("tools/call")[-1].headers["authorization"] == first
    assert len(provider.refreshes) == 2


def test_a_token_that_is_refused_is_renewed_once_and_then_the_person_signs_in_again(
    app, member: Browser, program: Client, server, provider: SignInServer
) -> None:
    signed_in(member, server["id"], provider)
    provider.access.clear()
    assert "counted" in call(app, member).text
    provider.access.clear()
    provider.refreshes.clear()
    with pytest.raises(ToolFailed, match="has ended"):
        call(app, member)
    assert "has ended" in reason(program)
    assert member.page(PAGE).says("Sign in again")
    signed_in(member, server["id"], provider)
    assert reason(program) == ""


def test_a_sign_in_server_that_is_down_does_not_end_the_sign_in(
    app, member: Browser, program: Client, server, provider: SignInServer
) -> None:
    signed_in(member, server["id"], provider)
    provider.access.clear()
    provider.tokens_instead = {"token_type": "nonsense"}
    with pytest.raises(ToolFailed):
        call(app, member)
    provider.tokens_instead = None
    assert row_of(app, member).ended == ""


@also_on_postgres
def test_signing_out_revokes_and_so_does_a_server_that_is_deleted(
    app, admin: Client, member: Browser, owner: Browser, server, provider: SignInServer
) -> None:
    signed_in(member, server["id"], provider)
    assert member.post(f"/tools/servers/{server['id']}/sign-out").status_code == 303
    until(lambda: len(provider.revoked) == 2, "the member's tokens are revoked", seconds=30)
    assert member.page(PAGE).says("You aren't signed in")
    admin.said("DELETE", f"/tool-servers/{server['id']}", 204)
    until(lambda: len(provider.revoked) == 4, "the owner's tokens are revoked", seconds=30)
    with app.app_context():
        assert db.session.scalars(select(ToolSignIn)).all() == []


def test_a_person_who_leaves_takes_their_sign_ins_along(
    app, member: Browser, owner: Browser, server, provider: SignInServer
) -> None:
    signed_in(member, server["id"], provider)
    with app.app_context():
        author = PersonAuthor(db.session.get_one(User, owner.person_id), "")
        people_service.delete_person(db.session.get_one(User, member.person_id), member.email, author=author)
    until(lambda: len(provider.revoked) == 2, "the member's tokens are revoked", seconds=30)


def test_another_address_is_another_server(app, admin: Client, program: Client, member: Browser, server, provider) -> None:
    signed_in(member, server["id"], provider)
    changed = admin.said("PATCH", f"/tool-servers/{server['id']}", 200, {"url": f"{provider.origin}/elsewhere"})
    assert changed["tools"] == []
    with app.app_context():
        assert db.session.scalars(select(ToolSignIn)).all() == []
    until(lambda: len(provider.revoked) == 4, "all tokens are revoked", seconds=30)


def test_sign_ins_follow_a_change_of_the_encryption_key_and_are_bound_to_their_person(
    app, member: Browser, owner: Browser, server, provider: SignInServer
) -> None:
    signed_in(member, server["id"], provider)
    with app.app_context():
        names = [secret.name for secret in keyring.keyring().secrets]
        assert names.count("Sign-in at Safe") == 2
        mine = db.session.get_one(ToolSignIn, (server["id"], member.person_id)).tokens
        with write() as session:
            session.execute(update(ToolSignIn).where(ToolSignIn.user_id == owner.person_id).values(tokens=mine))
    with pytest.raises(ToolFailed, match="has ended"):
        call(app, owner)


def test_tokens_are_in_no_log(app, member: Browser, server, provider: SignInServer, caplog, capsys) -> None:
    with caplog.at_level(logging.DEBUG):
        signed_in(member, server["id"], provider)
        call(app, member)
        provider.instead["tools/call"] = lambda request: sign_in_error(request)
        with pytest.raises(ToolFailed) as failure:
            call(app, member)
    assert "access-" not in failure.value.message
    assert not [token for token in provider.access | provider.refreshes if token in caplog.text]


def sign_in_error(request: Any) -> Any:
    return failed(request.message["id"], -32000, f"Bad token {request.headers['authorization']}")


def test_the_document_about_us_is_public(app, visitor_less: Browser) -> None:
    document = visitor_less.client.get("/tools/client.json").get_json()
    assert document["redirect_uris"] == [f"http://localhost{sign_ins.RETURN_PATH}"]


@pytest.fixture
def visitor_less(app) -> Browser:
    return Browser(app)
