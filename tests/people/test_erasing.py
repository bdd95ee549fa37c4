"""Erasing a person: the receipt says what was erased, handed over, rewritten and kept, and it is so on every way to it."""

import json
from collections.abc import Sequence

from flask import Flask
from sqlalchemy import func, select
from werkzeug.datastructures import MultiDict

from tests.api.client import client_of
from tests.engine.bench import Bench
from tests.people.conftest import in_parallel
from tests.support.browser import Browser
from tests.support.marks import on_both_databases
from tests.support.people import PASSWORD
from webapp.base.audit import AuditEntry
from webapp.base.db import db, write
from webapp.base.errors import AppError
from webapp.characters.tables import Character
from webapp.chat.record.tables import Chat, Message, Project
from webapp.engine.tables import Generation
from webapp.knowledge.tables import Collection
from webapp.people.accounts.tables import ApiToken, Grant, User
from webapp.people.members import service as people_service
from webapp.people.members.receipts import Receipt
from webapp.prompts.tables import Prompt


def furnish(app: Flask, person_id: str, other_id: str) -> None:
    """Gives a person a chat, a collection, a character, a project and a prompt, and a message in another person's chat."""
    with app.app_context(), write() as session:
        session.add_all([Chat(id="mine", owner_id=person_id, model="m"), Chat(id="theirs", owner_id=other_id, model="m")])
        session.add(Collection(id="shelf", owner_id=person_id, name="Handbook"))
        session.add(Character(id="bird", owner_id=person_id, name="Heron", description=""))
        session.add(Project(id="place", owner_id=person_id, name="Weir"))
        session.add_all(Prompt(owner_id=id, key="greet") for id in (person_id, other_id))
        session.flush()
        session.add(Message(id="m1", chat_id="mine", role="user", content="Mine.", author_id=person_id))
        about = {"author_id": person_id, "speaker_name": "Ada of the weir"}
        session.flush()
        session.get_one(Chat, "mine").head_id = "m1"
        session.add(Message(id="m2", chat_id="theirs", role="user", content="Said.", **about))
        session.add(Grant(object_kind="chat", object_id="mine", user_id=other_id, right="write", created_by=person_id))
        session.flush()
        asked = {"kind": "chat", "status": "completed", "model_asked": "m", "owner": "", "user_id": person_id, "cost": "0.5"}
        session.add_all([Generation(id=f"g{n}", lane=f"chat:{n}", message_id=f"m{n}", **asked) for n in (1, 2)])


def counts(lines: Sequence[dict[str, object]], fate: str) -> dict[object, object]:
    return {line["words"]: line["count"] for line in lines if line["fate"] == fate}


def count(table: type) -> int:
    return db.session.scalar(select(func.count()).select_from(table)) or 0


@on_both_databases
def test_the_receipt_says_what_became_of_everything(owner: Browser, member: Browser) -> None:
    app, id, email = owner.app, member.person_id, member.email
    furnish(app, id, owner.person_id)
    client_of(app, email)

    answer = client_of(app, owner.email).said("DELETE", f"/users/{id}", 200, query={"email": email})

    assert (answer["email"], answer["heir"], answer["left"]) == (email, "", [])
    erased = counts(answer["lines"], "erased")
    expected = {"chats": 1, "messages in their chats": 1, "collections": 1, "characters": 1, "projects": 1, "prompts": 1}
    assert expected | {"API tokens": 1} == {words: erased[words] for words in (*expected, "API tokens")}
    assert counts(answer["lines"], "kept") == {"answers in usage totals, without the person": 2}
    rewritten = counts(answer["lines"], "rewritten")
    assert rewritten["messages in others' chats"] == 1
    assert rewritten["lines of the audit log, without address and name"] >= 2
    with app.app_context():
        assert [count(table) for table in (Collection, Character, Project, ApiToken)] == [0, 0, 0, 1]
        message = db.session.get_one(Message, "m2")
        assert (message.content, message.author_id, message.speaker_name) == ("Said.", None, "Someone")
        assert {row.user_id for row in db.session.scalars(select(Generation))} == {None}
        told = [f"{entry.actor} {entry.detail}" for entry in db.session.scalars(select(AuditEntry))]
        assert not [line for line in told if email in line]
        assert [line for line in told if f"deleted account {id[-6:]}" in line]


@on_both_databases
def test_what_is_handed_over_is_the_heirs_and_the_rest_is_erased(owner: Browser, member: Browser) -> None:
    app, id = owner.app, member.person_id
    furnish(app, id, owner.person_id)
    page = owner.page(f"/admin/people/{id}")
    boxes = {node.attributes["value"]: "checked" in node.attributes for node in page.all("input[name=hand_over]")}
    assert [kind for kind, is_checked in boxes.items() if not is_checked] == ["chats", "schedules"]
    assert boxes.keys() > {"characters", "collections", "presets", "projects", "prompts"}

    path, fields = f"/admin/people/{id}/delete", {"heir": owner.person_id, "email": member.email}
    page = owner.send(path, MultiDict({**fields, "hand_over": ["chats", "collections", "prompts"]}), follow=False)

    assert page.status_code == 200
    assert page.says(f"Handed over to {owner.email}")
    with app.app_context():
        owners = {table: set(db.session.scalars(select(table.owner_id))) for table in (Chat, Collection, Prompt)}
        assert owners == {table: {owner.person_id} for table in owners}
        assert sorted(db.session.scalars(select(Prompt.key))) == ["greet", "greet-2"]
        assert (count(Character), count(Project), count(Message)) == (0, 0, 2)
        # They are granted nothing that is theirs.
        assert count(Grant) == 0
    assert owner.page("/chats/mine").says("Mine.")


def test_the_own_account_gets_the_same_receipt(owner: Browser, member: Browser) -> None:
    furnish(owner.app, member.person_id, owner.person_id)
    page = member.page("/account/data").form("Delete my account").submit(password=PASSWORD)
    assert page.heading == "Your account is deleted"
    assert page.says("Chats: 1")
    assert page.says("Answers in usage totals, without the person: 2")
    assert member.get("/").location.startswith("/login")


def test_the_command_asks_for_the_email_again(owner: Browser, member: Browser) -> None:
    app, id, email, run = owner.app, member.person_id, member.email, owner.app.test_cli_runner().invoke
    furnish(app, id, owner.person_id)
    wrong = run(args=["erase", email], input="somebody@example.org\n")
    assert (wrong.exit_code, "nothing was erased" in wrong.output) == (1, True)
    assert run(args=["erase", "somebody@example.org", "--yes"]).exit_code == 1
    assert run(args=["erase", email, "--hand-over-to", owner.email, "--hand-over", "birds", "--yes"]).exit_code == 2
    assert "There must always be an owner" in run(args=["erase", owner.email, "--yes"]).output
    with app.app_context():
        assert db.session.get(User, id)

    done = run(args=["erase", email, "--hand-over-to", owner.email, "--hand-over", "characters", "--json", "--yes"])

    receipt = json.loads(done.stdout)
    assert (receipt["email"], receipt["heir"], receipt["left"]) == (email, owner.email, [])
    assert counts(receipt["lines"], "handed over") == {"characters": 1}
    assert "no account" in run(args=["erase", email, "--yes"]).output.lower()


def test_erased_while_an_answer_runs_by_two_at_once(bench: Bench) -> None:
    app = bench.app
    person = bench.person()
    with app.app_context():
        email = db.session.get_one(User, person).email
    id = bench.ask(person=person)

    def erase(_: int) -> Receipt | AppError:
        try:
            return people_service.erase_person(email)
        except AppError as refusal:
            return refusal

    outcomes = in_parallel(app, erase, 2)
    receipts = [outcome for outcome in outcomes if isinstance(outcome, Receipt)]
    assert len(receipts) == 1
    assert receipts[0].left == ()
    with app.app_context():
        ended = db.session.get(Generation, id)
        assert ended is None or not ended.is_active
        assert not db.session.get(User, person)
        assert count(Chat) == 0
