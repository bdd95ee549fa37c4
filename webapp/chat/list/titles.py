"""Titles by a model: asked for once, when the first answer of a chat is complete; until then its first words are one."""

import logging
import re
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Update, bindparam, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from webapp import changes, rows, topic_names
from webapp.chat.aftermath import IS_SHARED, READS_CHARS, Aftermath
from webapp.chat.files.reference import parted
from webapp.chat.list import sidebar
from webapp.chat.messages import sending
from webapp.chat.prompt.builder import PromptBuilder
from webapp.chat.tables import Chat
from webapp.connections.models import DEMO
from webapp.engine import asides
from webapp.engine.asides import Aside
from webapp.engine.engine import Engine, the_engine
from webapp.engine.tables import Generation
from webapp.errors import AppError
from webapp.heavy.turns import wait_for_turn
from webapp.prompts import using
from webapp.prompts.using import Rendered
from webapp.providers.base import ModelRequest
from webapp.rendering.text import title as title_of
from webapp.settings.service import setting
from webapp.statements import Ready
from webapp.streaming.transcript import Transcript

MOST_TOKENS = 60
PURPOSE = "title"
OFF = "off"
log = logging.getLogger("chat:titles")
# By generation. Never stored: it holds words of the chat.
_jobs: dict[str, "TitleJob"] = {}
# What stands between fences, to its end or the text's; before a file that was added its name, whose ending the fence repeats.
FENCED = re.compile(
    r"^(?:(?P<name>[^\n]+\.(?P<kind>\w+))\n(?=`{3,}(?P=kind)\n))?(?P<fence>`{3,})[^`\n]*\n.*?(?:^(?P=fence)`*[ \t]*$|\Z)",
    re.MULTILINE | re.DOTALL,
)
NAME_CHARS = 60


@dataclass(slots=True)
class TitleJob:
    """A title that is wanted, and the one that the chat has meanwhile; `is_shared` says of the chat that was named."""

    chat_id: str
    present: str
    aside: Aside
    is_shared: bool | None = None


def first_words(content: str) -> str:
    """What a chat is called until a model has named it: the person's own words, else the name of the file they begin with."""
    text, pictures = parted(content.replace("\r\n", "\n"))
    names = (found["name"][:NAME_CHARS] for found in FENCED.finditer(text) if found["name"])
    first = next((each.name[:NAME_CHARS] for each in pictures), "")
    return title_of(FENCED.sub("\n\n", text)) or next(names, "") or first or title_of(content)


def suggest_later(engine: Engine, generation: Generation, after: Aftermath) -> None:
    """Asks for a title in a greenlet of its own, if the chat wants one; when none comes, it keeps its first words."""
    if not engine.is_closing and (job := _job(generation, after)):
        engine.spawn(lambda: _suggest(engine, job))


def cancel(chat_id: str) -> None:
    """Nobody wants that title any more."""
    asides.stop(the_engine(), _lane(chat_id))


def _suggest(engine: Engine, job: TitleJob) -> None:
    """Whatever stands in the way, the answer has ended already and the chat has a name."""
    wait_for_turn()
    with engine.in_app():
        try:
            _jobs[job.aside.id] = job
            _begin(engine, job)
        except (AppError, SQLAlchemyError) as error:
            log.info("no title for %s: %s", job.chat_id, type(error).__name__)


def _begin(engine: Engine, job: TitleJob) -> None:
    has_begun = False
    try:
        asides.ask(engine, job.aside)
        has_begun = True
    finally:
        if not has_begun:
            del _jobs[job.aside.id]


def _job(generation: Generation, after: Aftermath) -> TitleJob | None:
    if generation.status != "completed" or generation.is_demo or after.answer is None or after.question is None:
        return None
    told = using.render("title.scene" if after.greeting else "title")
    if not (model := _model_for(generation, told.version.model)):
        return None
    request = _request(told, model, after.greeting or "", after.question, after.answer)
    return TitleJob(after.chat_id, after.title, Aside(PURPOSE, _lane(after.chat_id), after.owner_id, request))


def _lane(chat_id: str) -> str:
    return f"{PURPOSE}:{chat_id}"


def _model_for(generation: Generation, wish: str) -> str:
    """Whom to ask: the one of the settings, of the prompt, or the chat's own, but never the demo, which has nothing to say."""
    job = str(setting("models.titles")).strip()
    model = job or wish or generation.model_asked
    is_demo = model.startswith(DEMO) or generation.model_asked.startswith(DEMO)
    return "" if is_demo or job.lower() == OFF else model


def _request(told: Rendered, model: str, greeting: str, question: str, answer: str) -> ModelRequest:
    exchange = f"Person:\n{question}\n\nAnswer:\n{answer}\n\nTitle:"
    scene = f"Character:\n{greeting}\n\n" if greeting else ""
    parameters = {"max_tokens": MOST_TOKENS, **told.parameters}
    return PromptBuilder(told.sections).build(model, [("user", scene + exchange)], **parameters)


def _finish(session: Session, generation: Generation, transcript: Transcript, _picture: Any) -> None:
    """Names the chat, unless somebody has meanwhile."""
    job, first_line = _jobs.get(generation.id), transcript.text[:READS_CHARS].strip().partition("\n")[0]
    title = title_of(first_line).strip(" \"'“”„«».")
    if job and title and generation.status == "completed":
        values = {"chat": job.chat_id, "present": job.present, "name": title}
        job.is_shared = NAMED.scalar(session, values)


def _changed(generation: Generation) -> None:
    job = _jobs.pop(generation.id, None)
    if job and job.is_shared is not None:
        people = sending.people(job.chat_id, job.aside.person, is_shared=job.is_shared)
        changes.tell(topic_names.of_chat(job.chat_id), "title", job.chat_id)
        for person in people:
            sidebar.tell(the_engine(), person, job.chat_id)


def _named_statement() -> Update:
    chat = rows.table(Chat)
    is_as_before = chat.c.id == bindparam("chat"), chat.c.title == bindparam("present"), chat.c.title_is_own.is_(False)
    return update(chat).where(*is_as_before).values(title=bindparam("name")).returning(IS_SHARED)


NAMED = Ready(_named_statement())
TITLE = asides.kind(PURPOSE, "Chat titles", _finish, _changed)
