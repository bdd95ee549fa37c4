"""A model suggests a person's next message in a scene: it becomes their draft, and nothing is sent."""

import gevent
import pytest
from sqlalchemy import func, select

from tests.api.client import client_of
from tests.characters.conftest import MARA, heard
from tests.chat.conftest import ended
from tests.support.marks import also_on_postgres
from webapp.base.db import db, write
from webapp.chat.prompt.built_in import SUGGESTION
from webapp.chat.record.tables import Message
from webapp.engine.tables import Generation

WORDS = "*Jo sets the clock down.* It stopped at four."


@pytest.fixture
def program(app, member):
    return client_of(app, member.email)


def box(page):
    return page.one("#composer-text").text().strip()


def messages(member):
    with member.app.app_context():
        return db.session.scalar(select(func.count()).select_from(Message))


@pytest.mark.slow
@also_on_postgres
def test_it_stands_in_the_box_and_is_told_as_an_answer_would_be(member, chat, fake):
    fake.says(WORDS)
    page = member.page(chat).press("Draft my next message")

    assert (page.path, box(page)) == (chat, WORDS)
    assert heard(fake) == [
        ("system", "Be Mara.\n---\nMara mills rye.\n---\nJo repairs clocks."),
        ("system", "Stay curt."),
        ("assistant", MARA["greeting"]),
        ("user", SUGGESTION),
    ]
    assert messages(member) == 1
    with member.app.app_context():
        record = db.session.scalars(select(Generation)).one()
        assert (record.kind, record.status, record.message_id, record.user_id) == (
            "suggestion",
            "completed",
            None,
            member.person_id,
        )

    sent = page.press("Send", message=WORDS)
    assert "It stopped at four." in member.wait_for(sent.path, ended).text
    assert box(member.page(chat)) == ""


def test_it_begins_with_what_was_typed_and_without_a_name(member, chat, fake):
    fake.says("Jo: and leave again.")
    page = member.page(chat).press("Draft my next message", message="I come in")

    assert box(page) == "I come in and leave again."
    assert heard(fake)[-1][1].endswith("\n\nI come in")
    fake.says("Jo: I come in, wet.")
    assert box(member.page(chat).press("Draft my next message", message="I come in")) == "I come in, wet."


def test_what_stands_in_its_way_is_said_and_nothing_typed_is_lost(member, chat, fake):
    fake.always({"status": 401, "json": {"error": {"message": "no"}}})
    answer = member.htmx_post(f"{chat}/suggestion", message="I come in")

    assert answer.status_code == 503
    assert answer.says("The model gave no answer.")
    assert box(answer) == "I come in"
    fake.says("")
    assert member.post(f"{chat}/suggestion", message="").says("The model gave no answer.")


def test_what_was_typed_elsewhere_meanwhile_stays_the_draft(member, chat, fake):
    fake.always({"says": WORDS, "delay": 0.5})
    asking = gevent.spawn(member.htmx_post, f"{chat}/suggestion", message="")
    fake.until_asked()
    member.post(f"{chat}/draft", message="From my phone")

    assert box(asking.get()) == WORDS
    assert box(member.page(chat)) == "From my phone"


def test_one_at_a_time(member, chat, fake):
    fake.always({"says": WORDS, "delay": 0.5})
    first = gevent.spawn(member.htmx_post, f"{chat}/suggestion", message="")
    fake.until_asked()

    assert member.htmx_post(f"{chat}/suggestion", message="").status_code == 409
    assert first.get().status_code == 200


@pytest.mark.slow
def test_programs_get_it_in_groups_too(program, member, fake):
    fake.says("Aye.")
    ids = [
        program.post("/characters", {"name": name, "description": f"{name} sails."}, status=201)["id"] for name in ("Bo", "Al")
    ]
    begun = program.post("/chats", {"character_ids": ids}, status=201)["chat"]["id"]
    program.ended(program.post(f"/chats/{begun}/messages", {"message": "Ahoy"}, status=202))
    fake.says("We sail at four.")

    answer = program.post(f"/chats/{begun}/suggestion", {"message": "We sail"}, status=200)

    assert answer == {"message": "We sail at four."}
    turns = [words for _, words in heard(fake)]
    assert "Bo: Aye." in turns
    assert not [turn for turn in turns if "Write the next message of" in turn]


def test_only_a_scene_with_a_real_model_offers_it(owner, member, chat, fake):
    fake.says("Hello.")
    usual = owner.post("/chats", message="Hello").location.partition("#")[0]
    owner.wait_for(usual, ended)

    assert not owner.page(usual).has("button", "Draft my next message")
    assert owner.htmx_post(f"{usual}/suggestion", message="Mine").status_code == 422
    assert owner.post(f"{chat}/suggestion", message="").status_code == 404


@also_on_postgres
def test_it_can_be_stopped_and_what_was_typed_stays(member, chat, fake):
    fake.always({"says": WORDS, "delay": 30})
    asking = gevent.spawn(member.htmx_post, f"{chat}/suggestion", message="I come in")
    fake.until_asked()
    page = member.page(chat)
    assert page.has("button.suggest__busy--on", "Stop writing")

    assert page.press("Stop writing").path == chat

    answer = asking.get(timeout=60)
    assert (answer.status_code, box(answer)) == (200, "I come in")
    assert fake.until(lambda _log: fake.posts()[-1]["client_closed"])
    assert not member.page(chat).all(".suggest__busy--on")
    with member.app.app_context():
        assert db.session.scalars(select(Generation)).one().status == "stopped"
    assert member.htmx_post(f"{chat}/suggestion/stop").status_code == 204


def test_programs_stop_it_too_and_strangers_do_not(program, member, stranger, chat, fake):
    fake.always({"says": WORDS, "delay": 30})
    asking = gevent.spawn(member.post, f"{chat}/suggestion", message="")
    fake.until_asked()

    assert stranger.post(f"{chat}/suggestion/stop").status_code == 404
    program.said("DELETE", f"{chat}/suggestion", 204)

    assert asking.get(timeout=60).status_code == 303


def test_what_a_killed_server_has_left_is_in_nobodys_way(member, chat, fake):
    fake.says(WORDS)
    with member.app.app_context(), write() as session:
        lane = f"suggestion:{chat.rpartition('/')[2]}"
        left = Generation(kind="suggestion", lane=lane, user_id=member.person_id, model_asked="fake/plain", owner="")
        session.add(left)

    assert box(member.htmx_post(f"{chat}/suggestion", message="")) == WORDS
