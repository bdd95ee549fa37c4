"""Generated titles: requested once, after a chat's first complete answer; until then its first words are the title."""

import logging
import re
from dataclasses import dataclass

from sqlalchemy import bindparam, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from webapp.base.database import rows
from webapp.base.database.statements import Prepared
from webapp.base.errors import AppError
from webapp.base.heavy.turns import wait_for_turn
from webapp.chat.files.reference import parted
from webapp.chat.prompt.builder import PromptBuilder
from webapp.chat.record import announcements
from webapp.chat.record.post_answer import IS_SHARED, READS_CHARS, PostAnswer
from webapp.chat.record.tables import Chat
from webapp.engine import side_requests
from webapp.engine.engine import Engine
from webapp.engine.tables import Generation
from webapp.models.connections.models import the_models
from webapp.models.connections.naming import DEMO
from webapp.models.providers.base import ModelRequest, RequestParameters
from webapp.prompts import active_prompts
from webapp.rendering.text import title as title_of
from webapp.settings.service import setting
from webapp.streaming.transcript import Transcript

MOST_TOKENS = 60
PURPOSE = "title"
OFF = "off"
log = logging.getLogger("chat:titles")
# By generation id. Only in memory, because requests contain text of the chat.
_jobs: dict[str, "TitleJob"] = {}
# A fenced code block, up to its end or that of the text. An attached file is one preceded by a line with its name, whose
# extension is the fence's language.
FENCED = re.compile(
    r"^(?:(?P<name>[^\n]+\.(?P<kind>\w+))\n(?=`{3,}(?P=kind)\n))?(?P<fence>`{3,})[^`\n]*\n.*?(?:^(?P=fence)`*[ \t]*$|\Z)",
    re.MULTILINE | re.DOTALL,
)
NAME_CHARS = 60
MOST_TITLE_WORDS = 8
# What models put around a title.
MARKS = " \"'“”‘’„«»‹›*_`#.:"
PREFIX = re.compile(r"(?:(?:chat |conversation )?title|titel|titre|título|titolo)\s*:\s*", re.IGNORECASE)
THOUGHTS = re.compile(r"<(think|thinking|reasoning)>.*?(?:</\1>|\Z)", re.IGNORECASE | re.DOTALL)
# Another sentence follows, or the first one speaks to the person.
SENTENCE_END = re.compile(r"[.!?]\s+\S|(?<!\w)(?:I|I'm|I've|I'll)(?!\w)")
# A title speaks of its own task only where it is none.
ABOUT = re.compile(
    r"""\b(?:the|this|your|my|a|an)\s+(?:\w+\s+)?(?:above|following|given|previous|provided|suggested)?\s*
    (?:title|response|conversation|chat|answer|text|message|question|prompt)\s+
    (?:is|are|was|includes?|contains?|has|discusses|describes|could|should|would|above|provided|for\s+(?:this|the))\b
    | ^(?:here(?:'s|\s+(?:is|are))|sure|certainly|of\s+course|okay|ok,|as\s+an\s+ai|sorry|unfortunately)\b
    | \b(?:five|three|six)\s+(?:to|or)\s+(?:seven|six|eight|five)\s+words\b
    | ^(?:person|answer|assistant|user|human)\s*:""",
    re.IGNORECASE | re.VERBOSE,
)


@dataclass(slots=True)
class TitleJob:
    """A requested title; `present` is the chat's title so far, and `is_shared` is set once the chat has been renamed."""

    chat_id: str
    present: str
    side_request: side_requests.SideRequest
    is_shared: bool | None = None


def first_words(content: str) -> str:
    """Returns the provisional title of a chat: the person's own words, else the name of the first file."""
    text, pictures = parted(content.replace("\r\n", "\n"))
    names = (match["name"][:NAME_CHARS] for match in FENCED.finditer(text) if match["name"])
    first = next((picture.name[:NAME_CHARS] for picture in pictures), "")
    return title_of(FENCED.sub("\n\n", text)) or next(names, "") or first or title_of(content)


def suggest_later(engine: Engine, generation: Generation, after: PostAnswer) -> None:
    """Requests a title in a greenlet of its own if the chat needs one; if that fails, the chat keeps its first words."""
    if not engine.is_closing and (job := _job(generation, after)):
        engine.spawn(lambda: _suggest(engine, job))


def cancel(chat_id: str) -> None:
    """Stops the request for a title."""
    side_requests.stop(_lane(chat_id))


def _suggest(engine: Engine, job: TitleJob) -> None:
    """Requests the title; errors are only logged, since the answer has ended and the chat has a provisional title."""
    wait_for_turn()
    with engine.in_app():
        try:
            _begin(job)
        except (AppError, SQLAlchemyError) as error:
            log.info("no title for %s: %s", job.chat_id, type(error).__name__)


def _begin(job: TitleJob) -> None:
    with side_requests.registered(_jobs, job.side_request.id, job):
        side_requests.request(job.side_request)


def _job(generation: Generation, after: PostAnswer) -> TitleJob | None:
    if generation.status != "completed" or generation.is_demo or after.answer is None or after.question is None:
        return None
    prompt = active_prompts.render("title.scene" if after.greeting else "title")
    if not (model := _model_for(generation, prompt.version.model)):
        return None
    request = _request(prompt, model, after.greeting or "", after.question, after.answer)
    return TitleJob(after.chat_id, after.title, side_requests.SideRequest(PURPOSE, _lane(after.chat_id), after.owner_id, request))


def _lane(chat_id: str) -> str:
    return f"{PURPOSE}:{chat_id}"


def _model_for(generation: Generation, prompt_model: str) -> str:
    """Returns the model from the settings, the prompt, or the chat; empty for the demo model, which can't write titles."""
    job = str(setting("models.titles")).strip()
    model = the_models().writer(job or prompt_model or generation.model_asked, generation.user_id or "")
    is_demo = model.startswith(DEMO) or generation.model_asked.startswith(DEMO)
    return "" if is_demo or job.lower() == OFF else model


def _request(prompt: active_prompts.RenderedPrompt, model: str, greeting: str, question: str, answer: str) -> ModelRequest:
    exchange = f"Person:\n{question}\n\nAnswer:\n{answer}\n\nTitle:"
    scene = f"Character:\n{greeting}\n\n" if greeting else ""
    parameters: RequestParameters = {"max_tokens": MOST_TOKENS, **prompt.parameters}
    return PromptBuilder(prompt.sections).build(model, [("user", scene + exchange)], **parameters)


def written_title(text: str) -> str:
    """Returns the title that a model has written; empty if that is none, so that the chat keeps its first words.

    Small models continue the conversation, describe the task, or explain what they have written.
    """
    text = THOUGHTS.sub("", text[:READS_CHARS]).strip()
    line = next((line for line in map(str.strip, text.splitlines()) if line), "")
    title = title_of(PREFIX.sub("", title_of(line).strip(MARKS))).strip(MARKS)
    is_title = title and not ABOUT.search(title) and not SENTENCE_END.search(title) and len(title.split()) <= MOST_TITLE_WORDS
    return title if is_title else ""


def _finish(session: Session, generation: Generation, transcript: Transcript, _projection: object) -> None:
    """Renames the chat unless its title has changed since the request."""
    job, title = _jobs.get(generation.id), written_title(transcript.text)
    if job and title and generation.status == "completed":
        values = {"chat": job.chat_id, "present": job.present, "name": title}
        job.is_shared = NAMED.scalar(session, values)


def _changed(generation: Generation) -> None:
    job = _jobs.pop(generation.id, None)
    if job and job.is_shared is not None:
        people = announcements.list_owners(job.chat_id, job.side_request.person, is_shared=job.is_shared)
        announcements.notify(job.chat_id, "title", job.chat_id, people)


_chat = rows.table(Chat)
_is_as_before = _chat.c.id == bindparam("chat"), _chat.c.title == bindparam("present"), _chat.c.title_is_own.is_(False)
NAMED = Prepared(update(_chat).where(*_is_as_before).values(title=bindparam("name")).returning(IS_SHARED))
TITLE = side_requests.kind(PURPOSE, "Chat titles", _finish, _changed)
