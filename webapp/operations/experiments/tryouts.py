"""Tries versions of a prompt on questions that a person has asked, one after the other, as side tasks of the engine."""

from collections.abc import Sequence

from sqlalchemy import JSON, ForeignKey, Index, String, Text, delete, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Mapped, Session, mapped_column

from webapp.base.db import Record, db, write
from webapp.base.errors import AppError, Invalid, TooMany
from webapp.chat.prompt.builder import PromptBuilder
from webapp.chat.record.tables import Chat, Message
from webapp.engine import side_requests
from webapp.engine.engine import Engine, the_engine
from webapp.engine.tables import Generation
from webapp.models.connections.models import the_models
from webapp.people.accounts import creation_limit
from webapp.people.accounts.tables import User
from webapp.prompts import queries as prompt_queries
from webapp.prompts.active_prompts import RenderedPrompt
from webapp.prompts.template import Unfilled, filled, variables_in
from webapp.streaming.transcript import Transcript

PURPOSE = "tryout"
MOST_LISTED, MOST_CASES, MOST_VERSIONS, MOST_KEPT = 20, 5, 3, 10
MOST_CHARS = 8_000
# Retries this often while too many background requests are running, then gives up.
PATIENCE, WAIT_SECONDS, POLL_SECONDS = 60, 5.0, 0.1
LEFT = "The server was restarted before it was asked."


def cases(user: User) -> list[Message]:
    """Returns this person's last questions, newest first."""
    is_theirs = Message.author_id == user.id, Message.role == "user", Message.deleted_at.is_(None), Message.content != ""
    is_kept = Chat.owner_id == user.id, Chat.deleted_at.is_(None), Chat.is_temporary.is_(False)
    query = select(Message).join(Chat, Chat.id == Message.chat_id).where(*is_theirs, *is_kept)
    return list(db.session.scalars(query.order_by(Message.id.desc()).limit(MOST_LISTED)))


def begin(prompt: prompt_queries.KnownPrompt, numbers: Sequence[int], message_ids: Sequence[str], *, by: User) -> str:
    """Starts to ask each question with each version; returns the id of the tryout."""
    versions_by_number = {version.number: version for version in prompt_queries.versions(prompt)}
    versions = [number for number in sorted(set(numbers)) if number in versions_by_number]
    questions = [case.content[:MOST_CHARS] for case in cases(by) if case.id in set(message_ids)]
    if not 1 <= len(versions) <= MOST_VERSIONS:
        raise Invalid(f"Choose 1 to {MOST_VERSIONS} versions.", field="version")
    if not 1 <= len(questions) <= MOST_CASES:
        raise Invalid(f"Choose 1 to {MOST_CASES} questions.", field="case")
    model, person = the_models().default(by.default_model, by.id), by.id
    tried = list(prompt_queries.with_texts(prompt, [versions_by_number[number] for number in versions]))
    creation_limit.count(person)
    with write() as session:
        _forget_old(session, person)
        tryout = Tryout(owner_id=person, prompt_id=prompt.name, key=prompt.key, model=model, versions=versions)
        session.add(tryout)
        session.flush()
        id = tryout.id
        for place, question in enumerate(questions):
            session.add_all(TryoutAnswer(tryout_id=id, place=place, version=version, question=question) for version in versions)
    engine = the_engine()
    engine.spawn(lambda: _run(engine, id, tried, prompt.key))
    return id


class Tryout(Record):
    """Versions of a prompt tried on some of their owner's questions, with one model."""

    __tablename__ = "tryouts"

    owner_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    prompt_id: Mapped[str] = mapped_column(String(80))
    key: Mapped[str] = mapped_column(String(80))
    model: Mapped[str] = mapped_column(String(200))
    versions: Mapped[list[int]] = mapped_column(JSON)


class TryoutAnswer(Record):
    """The answer of one version to one question; `error` is why there is none, `is_done` means that it is final."""

    __tablename__ = "tryout_answers"

    tryout_id: Mapped[str] = mapped_column(ForeignKey("tryouts.id", ondelete="CASCADE"))
    place: Mapped[int]
    version: Mapped[int]
    question: Mapped[str] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text, default="")
    error: Mapped[str] = mapped_column(String(300), default="")
    is_done: Mapped[bool] = mapped_column(default=False)
    generation_id: Mapped[str] = mapped_column(String(26), default="")

    __table_args__ = (
        Index("ix_tryout_answers_tryout_id", "tryout_id"),
        Index("ix_tryout_answers_generation_id", "generation_id"),
    )


def tryout(user: User, id: str) -> Tryout | None:
    """Returns the tryout if it belongs to this person."""
    tryout = db.session.get(Tryout, id)
    return tryout if tryout and tryout.owner_id == user.id else None


def answers_of(one: Tryout) -> list[tuple[TryoutAnswer, Generation | None]]:
    query = select(TryoutAnswer, Generation).outerjoin(Generation, Generation.id == TryoutAnswer.generation_id)
    rows = db.session.execute(query.where(TryoutAnswer.tryout_id == one.id).order_by(TryoutAnswer.place, TryoutAnswer.id))
    return [(answer, generation) for answer, generation in rows]


def _run(engine: Engine, id: str, versions: Sequence[prompt_queries.Version], key: str) -> None:
    numbered = {version.number: version for version in versions}
    with engine.in_app():
        one = db.session.get(Tryout, id)
        rows = answers_of(one) if one else []
        waiting = [(row.id, row.version, row.question) for row, _ in rows]
        person, model = (one.owner_id, one.model) if one else ("", "")
    for answer_id, number, question in waiting:
        if engine.is_closing:
            return
        with engine.in_app():
            error = _answer_question(engine, answer_id, numbered[number], key, question, person=person, model=model)
            if error:
                is_it = TryoutAnswer.id == answer_id
                with write() as session:
                    session.execute(update(TryoutAnswer).where(is_it).values(error=error[:300], is_done=True))


def _answer_question(
    engine: Engine, answer_id: str, version: prompt_queries.Version, key: str, question: str, *, person: str, model: str
) -> str:
    """Requests an answer and waits for its end; returns an error message if it could not be requested."""
    try:
        parts = filled(version.parts, dict.fromkeys(variables_in(version.parts), "")) if version.parts else []
    except Unfilled as error:
        return f"This version can't be used: {error}."
    rendered = RenderedPrompt(key, version, tuple(parts))
    request = PromptBuilder(rendered.sections).build(version.model or model, [("user", question)], **rendered.parameters)
    side_request = side_requests.SideRequest(PURPOSE, f"{PURPOSE}:{answer_id}", person, request)
    with write() as session:
        session.execute(update(TryoutAnswer).where(TryoutAnswer.id == answer_id).values(generation_id=side_request.id))
    for _ in range(PATIENCE):
        try:
            side_requests.request(side_request)
            break
        except TooMany:
            engine.pause(WAIT_SECONDS)
        except (AppError, SQLAlchemyError) as error:
            return str(error) if isinstance(error, AppError) else "The database was busy."
    else:
        return "Too much was asked of models at the same time."
    while side_request.id in engine.live:
        engine.pause(POLL_SECONDS)
    return ""


def _finish(session: Session, generation: Generation, transcript: Transcript, _projection: object) -> None:
    error = "" if transcript.text else generation.error or "There was no answer."
    values = {"text": transcript.text, "error": error[:300], "is_done": True}
    session.execute(update(TryoutAnswer).where(TryoutAnswer.generation_id == generation.id).values(**values))


def _forget_old(session: Session, person: str) -> None:
    """Deletes all but the newest tryouts, because they contain text of chats."""
    query = select(Tryout.id).where(Tryout.owner_id == person).order_by(Tryout.id.desc()).limit(MOST_KEPT - 1)
    ids = list(session.scalars(query))
    session.execute(delete(Tryout).where(Tryout.owner_id == person, Tryout.id.not_in(ids)))


TRYOUT = side_requests.kind(PURPOSE, "Prompts tried out", _finish, lambda _generation: None)
