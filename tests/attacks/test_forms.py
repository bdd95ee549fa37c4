"""Manipulated forms and addresses: fields that do not belong there, other people's ids, and nonsense."""

import json
from urllib.parse import quote

import pytest

from tests.attacks.conftest import ended_chat, set_to
from tests.chat.conftest import id_of
from tests.support.rounds import ROUNDS
from webapp.base.db import db
from webapp.chat.record.tables import Chat, Message
from webapp.people.accounts import queries
from webapp.people.accounts.tables import PersonAuthor, User
from webapp.people.members import invites
from webapp.streaming.codec import encode
from webapp.workspace.links.feed import CLOSED

TOO_MUCH = {
    "id": "x",
    "user_id": "x",
    "owner_id": "x",
    "role": "owner",
    "is_admin": "1",
    "created_at": "2000-01-01",
    "deleted_at": "2000-01-01",
    "disabled_at": "",
    "visitor_hash": "x",
    "collection_id": "x",
    "password_hash": "x",
    "head_id": "x",
    "html": "<script>steal(1)</script>",
    "title": "not asked for",
    "status": "completed",
}
QUERIES = [
    "' OR 1=1--",
    '"',
    "NEAR(",
    "a NEAR/5 b",
    "*",
    "user_id:x",
    "%",
    "_",
    "%_%",
    "\\",
    "title:*",
    "a AND (",
    "-",
    "^",
    "{x}",
    "\0",
    "\ud800",
]


def rows(app, model):
    with app.app_context():
        return [dict(row) for row in db.session.execute(db.select(*model.__table__.columns)).mappings()]


@pytest.mark.slow
def test_fields_that_a_form_has_not_change_nothing(app, member, owner, fake):
    fake.says("Fine.")
    before = rows(app, User)
    page = ended_chat(member)
    member.post(f"{page.path}/messages", message="Second", **TOO_MUCH)
    member.post("/chats", message="Third", **TOO_MUCH)
    for path in ("/account/name", "/account/email", "/account/password", "/account/tokens", "/settings/memory", "/settings/look"):
        member.post(path, **{**TOO_MUCH, "theme": "", "name": "member"})

    changed = {"name"}
    assert [{key: row[key] for key in row if key not in changed} for row in rows(app, User)] == [
        {key: row[key] for key in row if key not in changed} for row in before
    ]
    me = next(row["id"] for row in before if row["email"] == member.email)
    assert {(chat["owner_id"], chat["visitor_hash"], chat["deleted_at"]) for chat in rows(app, Chat)} == {(me, None, None)}
    assert "not asked for" not in {chat["title"] for chat in rows(app, Chat)}
    assert not [row for row in rows(app, Message) if "steal" in row["html"] + row["content"]]
    assert {row["created_at"].year > 2000 for row in rows(app, Message)} == {True}


@pytest.mark.slow
def test_an_account_made_by_an_invite_is_what_the_invite_says(app, owner, visitor):
    with app.app_context():
        token = invites.invite(invites.InviteInput(role="guest"), author=PersonAuthor(queries.user_by_email(owner.email)))
    fields = {"email": "new@example.org", "name": "New", "password": "a quiet river at night"}

    visitor.post(f"/invite/{token}", **{**TOO_MUCH, **fields})

    made = next(row for row in rows(app, User) if row["email"] == "new@example.org")
    assert (made["role"], made["disabled_at"], made["id"] == "x") == ("guest", None, False)


def test_an_admin_raises_nobody_and_nothing_beside_the_field(app, owner, admin, member):
    ids = {row["email"]: row["id"] for row in rows(app, User)}
    for path in ("disable", "enable", "password-link"):
        admin.post(f"/admin/people/{ids[member.email]}/{path}", **TOO_MUCH)
    for email in (owner.email, admin.email):
        for path in ("role", "disable", "password-link", "delete"):
            assert admin.post(f"/admin/people/{ids[email]}/{path}", role="member", email=email).status_code in (403, 409)

    assert {row["email"]: (row["role"], row["disabled_at"]) for row in rows(app, User)} == {
        owner.email: ("owner", None),
        admin.email: ("admin", None),
        member.email: ("member", None),
    }


@pytest.mark.mostly_slow
@pytest.mark.parametrize("whose", ["stranger", "own"])
def test_a_message_after_one_of_another_chat_stays_in_its_own(app, member, stranger, fake, whose):
    fake.says("Fine.")
    foreign = ended_chat(stranger if whose == "stranger" else member, "Elsewhere").message_ids[-1]
    page = ended_chat(member, "Here")
    member.post(f"{page.path}/messages", message="Second", after=foreign)

    chat_id = id_of(page.path)
    second = next(row for row in rows(app, Message) if row["content"] == "Second")
    assert (second["chat_id"], second["parent_id"]) == (chat_id, page.message_ids[-1])


def test_the_key_of_somebody_elses_sending_gives_nothing_of_it(member, stranger, fake):
    fake.says("Fine.")
    theirs = member.post("/chats", message="The very same", key="one-key").location
    mine = stranger.post("/chats", message="The very same", key="one-key").location

    assert theirs != mine
    assert stranger.get(theirs.partition("#")[0]).status_code == 404


@pytest.mark.slow
@pytest.mark.parametrize("text", QUERIES)
def test_what_is_looked_for_is_taken_literally(owner, text):
    asked = quote(text.encode("utf-8", "surrogatepass"))
    for path in ("models?q=", "audit?person=", "audit?action=", "audit?before=", "audit/export.csv?person="):
        assert owner.client.get(f"/admin/{path}{asked}", buffered=True).status_code == 200, path
    for path in ("/chats?q=", "/chats?before="):
        assert owner.client.get(f"{path}{asked}", buffered=True).status_code == 200, path


def routes(app, method: str) -> list[str]:
    rules = [rule for rule in app.url_map.iter_rules() if method in (rule.methods or ()) and rule.endpoint != "accounts.sign_out"]
    return sorted(rule.rule.replace("<path:", "<") for rule in rules)


NONSENSE = ["%00", "%ff%fe", "..%2f..%2fetc%2fpasswd", "%ed%a0%80", "a" * 4000, "'%20OR%201=1--", "%0d%0aX-Evil:%201"]


@pytest.mark.slow
@pytest.mark.rounds
@pytest.mark.parametrize("number", range(len(NONSENSE)))
def test_an_address_of_nonsense_is_not_there(app, owner, number):
    name, rules = NONSENSE[number], [path for path in routes(app, "GET") if "<" in path]
    # In a single round, each goes to one route in three, so that each route gets two or three of them.
    for rule in rules if ROUNDS > 1 else rules[number % 3 :: 3]:
        path = "/".join(name if part.startswith("<") else part for part in rule.replace(">.md", ">").split("/"))
        response = owner.client.get(path, buffered=True)
        if rule == "/s/<token>/events" and response.status_code == 200:
            # A page that is open hears by its stream that its link is closed.
            assert response.data.endswith(encode(CLOSED, event=CLOSED)), path
        else:
            assert response.status_code in (303, 403, 404, 422), path
        assert "X-Evil" not in response.headers
        response.close()


# The first of each content type comes first.
BODIES = [
    ("application/json", b"[" * 100_000),
    ("application/json", b'{"message": NaN, "message": 1e400, "key": "\\ud800"}'),
    ("application/x-www-form-urlencoded", b"message=%ed%a0%80&message=%ff&key=%00&%=%&name=%c0%ae&role[]=owner&a[b]=c"),
    ("multipart/form-data", b"--x\r\n\r\n"),
    ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n' * 300 + b"--x--"),
    ("text/xml", b"<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>"),
    ("application/json", b'{"a":' * 100_000),
    ("application/json", b""),
    ("application/x-www-form-urlencoded", b"\xff\xfe\x00"),
    ("application/x-www-form-urlencoded; charset=utf-7", b"message=+ADw-script+AD4-"),
    ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="message"\r\n\r\n'),
    ("multipart/form-data; boundary=\xff", b"--x"),
    ("text/plain", b"message=Hello"),
]


@pytest.mark.slow
@pytest.mark.rounds
@pytest.mark.mostly_deep(6)
@pytest.mark.parametrize("number", range(len(BODIES)))
def test_no_body_is_too_strange_to_be_refused(app, owner, number):
    kind, body = BODIES[number]
    set_to(app, limits__streams_per_minute="0")
    headers = {"Origin": owner.origin}
    # In a single round, each body goes to one route in three, so that each route gets two of them.
    for rule in routes(app, "POST") if ROUNDS > 1 else routes(app, "POST")[number % 3 :: 3]:
        path = rule.replace("<", "").replace(">", "")
        if path.startswith(("/account/sessions", "/account/delete")):
            continue
        response = owner.client.post(path, data=body, content_type=kind, headers=headers)
        assert response.status_code < 500, f"{path}: {response.text[:400]}"
        if "json" in response.headers["Content-Type"]:
            json.loads(response.text)
        response.close()
    assert owner.page("/account").status_code == 200
