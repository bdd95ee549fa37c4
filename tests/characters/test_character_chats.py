"""Chats with a character: how they begin, exactly what the model is sent, and what can be changed per chat."""

import pytest
from sqlalchemy import select

from tests.characters.conftest import MARA, heard, png, upload
from tests.chat.conftest import asked, ended, ended_with, texts
from tests.chat.files import download
from tests.conftest import signed_in
from tests.support.marks import also_on_postgres
from webapp.base.db import db, utc_now, write
from webapp.chat.record.tables import Chat, Message
from webapp.engine.tables import Generation
from webapp.models.connections.cache import CONNECTIONS
from webapp.models.connections.effective import BUILT_IN
from webapp.models.connections.tables import Connection
from webapp.people.accounts import queries as account_queries
from webapp.settings.service import set_setting

PROMPTS = {"pre_prompt": "Above all.", "system_prompt": "Be Mara today.", "post_prompt": "Be brief.", "history_limit": ""}


def test_it_begins_with_the_greeting(chat, member):
    page = member.page(chat)

    assert page.messages() == [("assistant", "Looks up. What is it?")]
    article = page.one("article.message")
    assert article.css_first(".message-text em").text() == "Looks up."
    assert (article.attributes["data-status"], article.attributes["aria-label"]) == ("completed", "Mara")
    assert article.css_first(".speaker__name").text() == "Mara"
    assert page.one(".played").text(separator=" ").split()[:6] == ["M", "Mara", "with", "you", "as", "Jo"]
    for name in ("Try again", "Continue", "Delete"):
        assert not page.has("button", name)
    assert "Mara" in [node.text() for node in page.all("#sidebar-chats bdi")]


@pytest.mark.slow
@also_on_postgres
def test_the_model_is_asked_exactly_this(chat, say, fake):
    fake.says("Flour.")

    assert say(chat, "What do you make?") == [
        ("system", "Be Mara.\n---\nMara mills rye.\n---\nJo repairs clocks."),
        ("assistant", "*Looks up.* What is it?"),
        ("system", "Stay curt."),
        ("user", "What do you make?"),
    ]
    assert say(chat, "And then?")[1:] == [
        ("assistant", "*Looks up.* What is it?"),
        ("user", "What do you make?"),
        ("assistant", "Flour."),
        ("system", "Stay curt."),
        ("user", "And then?"),
    ]


@pytest.mark.slow
def test_what_a_chat_says_itself_counts_more(chat, say, member, fake, app):
    fake.says("Aye.")
    member.submit("/settings/memory", instructions="No lists.")

    page = member.submit(f"{chat}/prompts", **PROMPTS)

    assert page.path == chat
    assert say(chat, "Hello") == [
        ("system", "Above all.\n---\nBe Mara today.\n---\nMara mills rye.\n---\nJo repairs clocks.\n---\nNo lists."),
        ("assistant", "*Looks up.* What is it?"),
        ("system", "Be brief."),
        ("user", "Hello"),
    ]


@pytest.mark.slow
def test_streamed_or_not_and_tried_again_it_is_the_same(chat, say, member, fake, app):
    fake.says("Aye.")
    first = say(chat, "Hello")
    assert asked(fake)[-1]["body"]["stream"] is True
    with app.app_context():
        set_setting("stream.enabled", "false")
    member.post(member.page(chat).action("Try again"))
    member.wait_for(chat, ended)

    assert asked(fake)[-1]["body"]["stream"] is False
    assert heard(fake) == first


@pytest.mark.slow
def test_a_retry_and_a_continuation_are_asked_the_same(chat, say, member, fake):
    fake.behaves([{"status": 503}])
    fake.says("Aye.")
    member.post(f"{chat}/messages", message="Hello")
    member.wait_for(chat, ended)
    bodies = [entry["body"]["messages"] for entry in asked(fake)]
    assert len(bodies) == 2
    assert bodies[0] == bodies[1]

    fake.behaves([{"counted": 30, "cut_after": 5}])
    member.post(member.page(chat).action("Try again"))
    page = member.wait_for(chat, ended)
    fake.counts(30)
    member.post(page.action("Continue"))
    member.wait_for(chat, ended)

    assert asked(fake)[-1]["body"]["messages"][: len(bodies[0])] == bodies[0]


@pytest.mark.slow
def test_what_was_sent_shows_the_parts(chat, say, member, fake):
    fake.says("Aye.")
    member.submit(f"{chat}/prompts", **PROMPTS)
    say(chat, "Hello")

    page = member.page(chat).click("What was sent")

    titles = [node.text() for node in page.all(".part summary strong")]
    assert titles == ["Pre-prompt", "System prompt", "Character", "Persona", "Answer", "Post-history instructions", "Message"]
    assert [node.text() for node in page.all(".part pre")] == [
        "Above all.",
        "Be Mara today.",
        "Mara mills rye.",
        "Jo repairs clocks.",
        "*Looks up.* What is it?",
        "Be brief.",
        "Hello",
    ]


@pytest.mark.slow
def test_a_history_limit_sends_that_many(chat, say, member, fake):
    fake.says("Aye.")
    say(chat, "One")
    member.submit(f"{chat}/prompts", history_limit="1", fold="off")

    assert say(chat, "Two")[1:] == [("assistant", "Aye."), ("system", "Stay curt."), ("user", "Two")]
    assert not member.page(chat).all(".notices .notice")


@pytest.mark.slow
def test_a_silly_limit_is_refused_in_place(chat, member):
    for typed in ("-1", "many", "999999", "1.5"):
        page = member.submit(f"{chat}/prompts", history_limit=typed)

        assert page.status_code == 422
        assert "Enter a number from 0 to 100,000" in page.error_at("History limit")
        assert page.textbox("History limit").value == typed


@pytest.mark.slow
def test_another_persona_or_none(chat, say, member, stranger, fake):
    fake.says("Aye.")
    page = member.submit("/personas", name="Kim", description="Kim sails.")
    kim = str(page.link("Kim").attributes["href"]).split("/")[-1]

    member.submit(f"{chat}/prompts", persona=kim)
    assert say(chat, "One")[0][1].endswith("Kim sails.")
    member.page(f"/personas/{kim}").press("Delete persona")
    assert say(chat, "Two")[0][1].endswith("Mara mills rye.")

    stranger.submit("/personas", name="Eve", description="Eve listens.")
    eve = str(stranger.page("/personas").link("Eve").attributes["href"]).split("/")[-1]
    refused = member.post(f"{chat}/prompts", persona=eve)
    assert (refused.status_code, "no longer exists" in refused.text) == (422, True)


@pytest.mark.slow
def test_a_changed_character_counts_from_the_next_answer_on_and_a_deleted_one_stays(chat, say, member, fake):
    fake.says("Aye.")
    path = str(member.page(chat).one("a.played__name").attributes["href"])
    member.submit(f"{path}/edit", description="Mara mills wheat.")
    assert "Mara mills wheat." in say(chat, "One")[0][1]

    member.page(path).press("Delete character")

    assert "Mara mills wheat." in say(chat, "Two")[0][1]
    page = member.page(chat)
    assert page.one(".played__name").text() == "Mara"
    assert not page.all("a.played__name")


@pytest.mark.slow
def test_without_a_greeting_it_begins_empty(make, member, fake):
    fake.says("Yes?")
    page = member.page(make(name="Bo", description="Bo sails.")).press("Chat with Bo")
    assert page.messages() == []

    member.submit(page.path, message="Hello")

    assert texts(member.wait_for(page.path, ended_with(2))) == ["Hello", "Yes?"]


@pytest.mark.slow
def test_ordinary_chats_have_prompts_too(member, fake):
    fake.says("Aye.")
    path = member.submit("/", message="Hello").path
    page = member.wait_for(path, ended)
    assert not page.all(".played, .speaker, #chat-prompts")

    links = page.all(f'a[href="{path}/prompts"]')
    assert len(links) == 2, "one in the menu, one beside the text field"
    assert member.page(f"{path}/prompts").heading == "Chat settings"
    sheet = member.htmx_get(str(page.one("#composer-controls [popovertarget=tuning]").attributes["hx-get"]))
    assert sheet.text.startswith('<hx-partial hx-target="#tuned"')
    assert sheet.textbox("Creativity").value == ""
    member.submit(f"{path}/prompts", system_prompt="Rhyme.")
    member.post(f"{path}/messages", message="Again")
    member.wait_for(path, ended_with(4))

    assert heard(fake)[0] == ("system", "Rhyme.")


@pytest.mark.slow
def test_the_oldest_exchanges_are_left_out_whole_with_a_word(chat, say, member, fake, app):
    knows(app, "fake/plain", 2_000)
    with app.app_context():
        set_setting("context.fold", "off")
    fill(app, chat, turns=6, words=300)
    fake.says("Aye.")

    sent = say(chat, "The newest")

    page = member.page(chat)
    assert sent[0] == ("system", "Be Mara.\n---\nMara mills rye.\n---\nJo repairs clocks.")
    assert sent[-2:] == [("system", "Stay curt."), ("user", "The newest")]
    questions = [text.split()[0] for role, text in sent if role == "user"]
    # The greeting and the first exchanges are left out, always whole exchanges.
    assert questions == ["q3", "q4", "q5", "The"]
    assert [text.split()[0] for role, text in sent[1:-2] if role == "assistant"] == ["a3", "a4", "a5"]
    words = "The 4 oldest exchanges in this chat were left out, because the whole chat doesn't fit the model's context window."
    assert page.all("article.message")[-1].css_first(".notices").text().strip().startswith(words)
    with app.app_context():
        notices = db.session.scalars(
            select(Generation.notices).where(Generation.kind == "roleplay").order_by(Generation.id.desc())
        ).first()
    assert [notice["code"] for notice in notices] == ["left_out"]
    assert page.click("What was sent").says("Left out to fit the context window: 4 exchanges from the beginning.")


@pytest.mark.slow
def test_others_do_not_change_it_and_readers_see_the_face(make, member, stranger, visitor, app):
    path = make(**MARA)
    upload(member, path, png(), **MARA)
    chat = member.page(path).press("Chat with Mara").path
    face = str(member.page(chat).all(".speaker img")[0].attributes["src"])
    for browser in (stranger, visitor):
        assert browser.get(face).status_code in (303, 404)
        assert browser.get(f"{chat}/prompts").status_code in (303, 404)
        assert browser.post(f"{chat}/prompts", pre_prompt="Mine").status_code in (303, 404)

    with app.app_context():
        whom = account_queries.user_by_email(stranger.email).id
    member.submit(f"{chat}/people", whom=f"user:{whom}", right="write")

    page = stranger.page(chat)
    assert page.one(".speaker__name").text() == "Mara"
    assert not page.all("#chat-prompts, a.played__name, .played__you")
    assert not page.has("a", "Chat settings")
    assert stranger.client.get(face, base_url=stranger.origin).mimetype == "image/png"
    assert stranger.post(f"{chat}/prompts", pre_prompt="Mine").status_code == 404


@pytest.mark.slow
def test_who_goes_on_elsewhere_takes_nothing_along_that_is_not_theirs(chat, say, member, stranger, fake, app):
    fake.says("Aye.")
    member.submit(f"{chat}/prompts", pre_prompt="Secret.")
    with app.app_context():
        whom = account_queries.user_by_email(stranger.email).id
    member.submit(f"{chat}/people", whom=f"user:{whom}", right="view")
    say(chat, "Hello")
    fork = stranger.page(chat).action("Branch into new chat")

    mine, theirs = member.post(fork).location.partition("#")[0], stranger.post(fork).location.partition("#")[0]

    assert say(mine, "On")[0] == ("system", "Secret.\n---\nBe Mara.\n---\nMara mills rye.\n---\nJo repairs clocks.")
    stranger.submit(theirs, message="On")
    stranger.wait_for(theirs, ended_with(5))
    assert [role for role, _ in heard(fake)] == ["assistant", "user", "assistant", "user"]
    assert not stranger.page(theirs).all(".speaker, .played")


@pytest.mark.slow
def test_what_is_shared_no_longer_speaks_no_longer(make, member, stranger, fake):
    fake.says("Aye.")
    path = make(**MARA, is_shared="on")
    chat = stranger.page(path).press("Chat with Mara").path
    stranger.post(f"{chat}/messages", message="One")
    stranger.wait_for(chat, ended_with(3))
    assert heard(fake)[0] == ("system", "Be Mara.\n---\nMara mills rye.")

    assert member.post(path, name="Mara", description="Mara mills spelt.").status_code == 303
    stranger.post(f"{chat}/messages", message="Two")
    stranger.wait_for(chat, ended_with(5))

    assert heard(fake)[0][0] == "assistant"


def test_nobody_begins_with_a_character_they_do_not_see(make, stranger, app):
    assert stranger.post(f"{make(**MARA)}/chat").status_code == 404
    with app.app_context():
        assert not db.session.query(Chat).count()


def test_the_first_message_cannot_be_tried_again(chat, member):
    id = str(member.page(chat).one("article.message").attributes["id"]).removeprefix("message-")

    assert member.post(f"/messages/{id}/again").status_code == 422


@pytest.mark.slow
def test_a_guest_chats_with_the_teams(cast):
    guest = signed_in(cast, "guest@example.org", "guest")
    page = guest.page("/characters").press("Chat with Hanne Voss")
    assert page.messages("assistant")[0].endswith("What keeps you up?")


def knows(app, model: str, length: int) -> None:
    """Stores the model's context length in the connection's list of models."""
    listed = [{"id": model, "name": model, "context_length": length}]
    with app.app_context(), write() as session:
        values = {"name": "OpenRouter", "kind": "openrouter", "base_url": "", "models_at": utc_now()}
        session.add(Connection(id=BUILT_IN, slug=BUILT_IN, models=listed, **values))
    with app.app_context():
        CONNECTIONS.of(app).forget()


def fill(app, path: str, *, turns: int, words: int) -> None:
    """Appends long exchanges to the chat."""
    with app.app_context(), write() as session:
        chat = session.get_one(Chat, path.split("/")[-1])
        for number in range(turns):
            for role in ("user", "assistant"):
                content = f"{'q' if role == 'user' else 'a'}{number} " + "word " * (words // 2)
                message = Message(chat_id=chat.id, parent_id=chat.head_id, role=role, content=content, html=f"<p>{number}</p>")
                session.add(message)
                session.flush()
                chat.head_id = message.id


@pytest.mark.slow
def test_files_of_a_chat_name_who_answers(chat, say, member, fake):
    fake.says("Flour.")
    say(chat, "What do you make?")

    assert "## Mara\n\n*Looks up.* What is it?\n\n## You\n\n" in member.get(f"{chat}/export.md").text
    assert "\n\n## Mara · fake/plain\n\nFlour." in member.get(f"{chat}/export.md").text
    assert "\nMara · fake/plain:\nFlour." in member.get(f"{chat}/export.txt").text
    assert download(member, f"{chat}/export.html").count(b'<h2 dir="auto">Mara</h2>') == 2
