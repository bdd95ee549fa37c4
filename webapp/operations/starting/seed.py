"""Example people and chats: `flask seed` fills an empty server with answers of the demo, and changes no existing rows."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter
from random import Random
from threading import Event

import click
from flask.cli import with_appcontext
from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.base.db import db, utc_now, write
from webapp.base.ids import new_secret
from webapp.base.words import plural
from webapp.characters.tables import Character
from webapp.chat.prompt.builder import PromptBuilder
from webapp.chat.record.tables import ROLEPLAY, Chat, Message
from webapp.engine.generations import generation_of_request, queue, request_hash
from webapp.knowledge.documents import shipping
from webapp.models.providers.base import Reply
from webapp.models.providers.demo import PACE_SECONDS, DemoProvider
from webapp.operations.experiments import example
from webapp.operations.insights import example_answers
from webapp.people.accounts import directory, queries as account_queries, service as accounts
from webapp.people.accounts.tables import PersonAuthor, User
from webapp.people.members import groups, service as people_service
from webapp.rendering import markdown
from webapp.rendering.text import title
from webapp.streaming.events import Usage
from webapp.streaming.stop import Stop
from webapp.web.command_errors import names_database, one_line_errors

OWNER = ("olive@example.org", "Olive", "owner")
OTHERS = (
    ("ada@example.org", "Ada", "admin"),
    ("ben@example.org", "Ben", "member"),
    ("cleo@example.org", "Cleo", "member"),
)
# The member of the group that can see the finance collection.
INSIDER = "ada@example.org"
READING = timedelta(seconds=40)


@dataclass(frozen=True)
class Talk:
    """An example chat: the person's questions in order, and its age; without an email it belongs to the server's owner."""

    age: timedelta
    model: str
    questions: tuple[str, ...]
    email: str = ""
    # The origin of the character that the chat is with.
    character: str = ""


TALKS = (
    Talk(
        timedelta(minutes=20),
        "demo/quick",
        ("What is Millrace?", "What happens when I close the tab in the middle of an answer?", "Thank you!"),
    ),
    Talk(timedelta(hours=2), "demo/quick", ("The boiler first. Who are you?",), character="millrace:odalys"),
    Talk(timedelta(hours=5), "demo/code", ("Show me a small program that counts words.",)),
    Talk(timedelta(days=2), "demo/thoughtful", ("How do I add a key?", "And what will that cost?")),
    Talk(timedelta(days=4), "demo/long", ("Tell me the long story of the mill.",)),
    Talk(timedelta(days=12), "demo/quick", ("How do I stop an answer, and continue it later?",)),
    Talk(timedelta(days=45), "demo/thoughtful", ("Is what I write here private?", "Who are you?")),
    Talk(timedelta(days=1), "demo/quick", ("Hello", "Which stones did millers use for rye?"), "ben@example.org"),
    Talk(timedelta(days=3), "demo/code", ("A table and a list, please.",), "cleo@example.org"),
)


@click.command("seed")
@click.option("--history", "is_history", is_flag=True, help="A made-up month of answers for Insights instead.")
@click.option("--remove", "is_removal", is_flag=True, help="With --history: remove it again.")
@with_appcontext
@one_line_errors
@names_database
def command(is_history: bool, is_removal: bool) -> None:
    """Make people, collections, chats and finished answers to look at."""
    if is_removal and not is_history:
        raise click.UsageError("--remove goes with --history: nothing else that was made is ever removed.")
    for line in _history(is_removal) if is_history else seed():
        click.echo(line)


def _history(is_removal: bool) -> Iterator[str]:
    """Creates the example history, or removes it; does not create it twice."""
    if is_removal:
        yield f"Removed {plural(example_answers.remove(), 'example answer')}."
    elif example_answers.exists():
        yield "The example history already exists. Remove it with: flask seed --history --remove"
    elif everyone := [user.id for user, _ in directory.all_people()]:
        count = example_answers.make(everyone, Random(1))
        yield f"Made {plural(count, 'example answer')} of {example_answers.DAYS} days. See Insights."
    else:
        raise click.ClickException("There are no people yet. Create the owner first, or run: flask seed")


def seed() -> Iterator[str]:
    """Creates what is missing and yields a line about each part; a second run creates nothing."""
    yield from _seed_people()
    yield from _seed_knowledge()
    # The oldest first, because lists of answers are ordered by ids.
    count = sum(_seed_talk(talk) for talk in sorted(TALKS, key=attrgetter("age"), reverse=True))
    yield f"Created {count} chats." if count else "The chats already exist."
    if compared := example.make_all():
        yield f"Created {compared} stopped experiments with example figures."


def _seed_people() -> Iterator[str]:
    for email, name, role in OTHERS if _owner_id() else (OWNER, *OTHERS):
        if account_queries.user_by_email(email) is None:
            # Only printed on this terminal: the product ships with no password.
            password = new_secret()[:16]
            user = accounts.add_user(email, role, password)
            with write() as session:
                session.get_one(User, user.id).name = name
            yield f"{email} can sign in as {role} with the password {password}"


def _seed_knowledge() -> Iterator[str]:
    """Creates the collections that are shipped; one of the admins sees all of them, everyone else all but the finance one."""
    owner = db.session.get_one(User, _owner_id())
    if count := shipping.ship(owner):
        yield f"Created {count} collections with questions about them."
        ada, finance = account_queries.user_by_email(INSIDER), account_queries.group_by_name("finance")
        if ada and finance:
            author = PersonAuthor(owner)
            people_service.change_clearance(ada, 2, author=author)
            groups.put_in(finance, ada.id, author=author)


def _owner_id(email: str = "") -> str | None:
    """Returns the id of the account with this email; without an email, of the owner."""
    return db.session.scalar(select(User.id).where(User.email == email if email else User.role == "owner"))


def _seed_talk(talk: Talk) -> bool:
    """Creates the chat and returns True if it was missing; the id of its first sending identifies it in later runs."""
    owner_id = _owner_id(talk.email) or ""
    name = request_hash(owner_id, "seed", talk.questions[0])
    character = _character(talk)
    if generation_of_request(name) or (talk.character and not character):
        return False
    turns, began_at = _turns(talk), utc_now() - talk.age
    with write() as session:
        chat = Chat(owner_id=owner_id, model=talk.model, title=title(talk.questions[0]), created_at=began_at, changed_at=began_at)
        session.add(chat)
        session.flush()
        if character:
            chat.kind, chat.character_id, chat.title = ROLEPLAY, character.id, character.name
            _add_message(session, chat, "assistant", character.greeting, began_at)
        for place, (question, reply) in enumerate(turns):
            _add_turn(session, chat, question, reply, None if place else name)
    return True


def _character(talk: Talk) -> Character | None:
    """Returns the character of a chat; None if it doesn't exist on this server."""
    return db.session.scalar(select(Character).where(Character.origin == talk.character)) if talk.character else None


def _turns(talk: Talk) -> list[tuple[str, Reply]]:
    """Returns the questions with the demo's answers, without its delays."""
    demo, history, turns = DemoProvider(pace=0), [], []
    for question in talk.questions:
        history.append(("user", question))
        turns.append((question, demo.complete(PromptBuilder().build(talk.model, history), Stop(Event))))
        history.append(("assistant", turns[-1][1].text))
    return turns


def _add_turn(session: Session, chat: Chat, question: str, reply: Reply, name: str | None) -> None:
    asked_at = chat.changed_at + READING
    _add_message(session, chat, "user", question, asked_at)
    answer = _add_message(session, chat, "assistant", reply.text, asked_at)
    answer.reasoning = reply.reasoning
    chat.changed_at = _add_generation(session, chat, answer, reply, asked_at, name)


def _add_message(session: Session, chat: Chat, role: str, text: str, moment: datetime) -> Message:
    message = Message(chat_id=chat.id, parent_id=chat.head_id, role=role, content=text, created_at=moment)
    message.html, message.html_version = markdown.render(text), markdown.VERSION
    session.add(message)
    session.flush()
    chat.head_id = message.id
    return message


def _add_generation(
    session: Session, chat: Chat, answer: Message, reply: Reply, asked_at: datetime, name: str | None
) -> datetime:
    """Adds the generation of an answer, with the timing that the demo would have had; returns when it ended."""
    usage = reply.usage or Usage()
    first_text_at = asked_at + timedelta(seconds=PACE_SECONDS * len(reply.reasoning.split()))
    ended_at = first_text_at + timedelta(seconds=PACE_SECONDS * (usage.output_tokens or 0))
    queue(
        session,
        kind=chat.kind,
        lane=chat.lane,
        message_id=answer.id,
        user_id=chat.owner_id,
        status="completed",
        reason=reply.reason,
        provider=DemoProvider.name,
        model_asked=chat.model,
        model_used=reply.model,
        is_demo=True,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cost=usage.cost,
        created_at=asked_at,
        started_at=asked_at,
        first_text_at=first_text_at,
        ended_at=ended_at,
        heartbeat_at=ended_at,
        owner="seed",
        sent_as=name,
    )
    return ended_at
