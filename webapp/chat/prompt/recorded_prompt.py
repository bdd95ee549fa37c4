"""The prompt of an answer as it is recorded with its generation, from which its request is built and what was sent is shown."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, NamedTuple

from sqlalchemy import bindparam, select

from webapp.base.database.statements import Prepared
from webapp.base.db import db
from webapp.characters.text_scripts import TextScript, applied
from webapp.chat.prompt.builder import OF_A_CHAT, PromptBuilder
from webapp.chat.record.paths import PathMessage
from webapp.engine.tables import Generation
from webapp.models.prompt_sections import Section
from webapp.models.providers.base import RequestParameters
from webapp.prompts.active_prompts import PromptVersions
from webapp.streaming.events import SourceRecord
from webapp.tools.folded import is_handle

SECTION_DEFAULTS = {field.name: field.default for field in fields(Section)} | {"title": ""}
SCRIPT_FIELDS = {field.name for field in fields(TextScript)}
LAST_PROMPT = Prepared(
    select(Generation.prompt).where(Generation.message_id == bindparam("message")).order_by(Generation.id.desc()).limit(1)
)


class RecordedMessage(NamedTuple):
    """A message that was sent: its length at that time, because it can grow later, and in a group its speaker's name."""

    id: str
    chars: int
    speaker: str = ""

    def as_record(self) -> list[str | int]:
        return [self.id, self.chars, *([self.speaker] if self.speaker else [])]


@dataclass(frozen=True, slots=True)
class PromptScripts:
    """The text scripts of characters by the name of the speaker in a group, under an empty name in any other chat.

    `count` is how many of the newest messages they apply to; None for all.
    """

    by_speaker: Mapping[str, tuple[TextScript, ...]] = field(default_factory=dict)
    count: int | None = None

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "PromptScripts":
        scripts = {name: tuple(map(_script, scripts)) for name, scripts in record.get("scripts", {}).items()}
        return cls(scripts, record.get("scripted"))

    def as_record(self) -> dict[str, Any]:
        """Returns what is stored with a generation; empty without scripts."""
        scripts = {name: [asdict(script) for script in scripts] for name, scripts in self.by_speaker.items()}
        return {"scripts": scripts, "scripted": self.count} if scripts else {}

    def applied_to(self, messages: Sequence[PathMessage], is_late: Callable[[], bool] = lambda: False) -> list[PathMessage]:
        """Returns the messages as the scripts change them, newest last; those left when time is up are not in it."""
        changed_messages = list[PathMessage]()
        for depth, message in enumerate(reversed(messages)):
            changed = self._changed(message, depth, is_late) if self.count is None or depth < self.count else message
            # A message that was changed by some of the scripts only could not be shown again.
            if is_late():
                break
            changed_messages.append(changed)
        return changed_messages[::-1]

    def _changed(self, message: PathMessage, depth: int, is_late: Callable[[], bool]) -> PathMessage:
        # In a group, the scripts of a character apply to its own messages only.
        scripts = self.by_speaker.get(message.speaker if message.role == "assistant" else "", ())
        fitting = [script for script in scripts if script.fits(message.role, depth)]
        return message._replace(content=applied(fitting, message.content, is_late)) if fitting else message


NO_SCRIPTS = PromptScripts()


@dataclass(frozen=True, slots=True)
class RecordedPrompt:
    """The prompt of a generation; `is_known` is false if it is older than this record.

    Not sent were the sections in `dropped` and `left_out` exchanges, which did not fit, and `beyond` messages, which the history
    limit excluded. Of the sources only those that fit are recorded;
    `is_late`, `by_words` and `unread` are as in `AnswerSources`. `outside` are the places of outside text in it, which its answer
    has, and no record.
    """

    sections: tuple[Section, ...] = ()
    dropped: tuple[Section, ...] = ()
    sources: tuple[SourceRecord, ...] = ()
    is_late: bool = False
    by_words: str = ""
    unread: tuple[str, ...] = ()
    outside: tuple[str, ...] = ()
    # The ids of the facts in it, which are stored in a table of their own.
    facts: tuple[str, ...] = ()
    parameters: RequestParameters = field(default_factory=RequestParameters)
    messages: tuple[RecordedMessage, ...] = ()
    scripts: PromptScripts = NO_SCRIPTS
    left_out: int = 0
    beyond: int = 0
    # What is said of a fold that was made for it: its messages, and its tokens before and after.
    folded: tuple[int, ...] = ()
    history_limit: int = 0
    # None unless an answer is continued.
    continue_instruction: str | None = None
    versions: PromptVersions = field(default_factory=PromptVersions)
    # Old records contain only the texts of a chat's own sections, by name.
    named_texts: Mapping[str, str] = field(default_factory=dict)
    is_known: bool = True

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "RecordedPrompt":
        """Restores a prompt from what is stored with its generation; keys of other kinds and versions are ignored."""
        return cls(
            sections=sections_in(record.get("sections", ())),
            dropped=sections_in(record.get("dropped", ())),
            sources=tuple(record.get("sources", ())),
            is_late=record.get("is_late", False),
            by_words=record.get("by_words", ""),
            unread=tuple(record.get("unread", ())),
            parameters=parameters_in(record),
            messages=tuple(RecordedMessage(*message) for message in record.get("messages", ())),
            scripts=PromptScripts.from_record(record),
            left_out=record.get("left_out", 0),
            beyond=record.get("beyond", 0),
            folded=tuple(record.get("folded", ())),
            history_limit=record.get("history_limit", 0),
            continue_instruction=record.get("go_on"),
            versions=PromptVersions.from_record(record),
            named_texts={name: record[name] for name in OF_A_CHAT if name in record},
            is_known=bool(record),
        )

    def as_record(self, *only: str) -> dict[str, Any]:
        """Returns what is stored with the generation; with names, only these parts, in this order, as far as there are any."""
        about_sources = {"sources": list(self.sources), "is_late": self.is_late, "by_words": self.by_words}
        about_sources["unread"] = list(self.unread)
        record = {
            **self.named_texts,
            "sections": section_records(self.sections),
            "dropped": section_records(self.dropped),
            **{name: value for name, value in about_sources.items() if value},
            "parameters": self.parameters,
            "messages": [message.as_record() for message in self.messages],
            **self.scripts.as_record(),
            "left_out": self.left_out,
            "beyond": self.beyond,
            **({"folded": list(self.folded)} if self.folded else {}),
            "history_limit": self.history_limit,
            **({"go_on": self.continue_instruction} if self.continue_instruction is not None else {}),
            **self.versions.as_record(),
        }
        return {name: record[name] for name in only if name in record} if only else record

    @property
    def folds(self) -> list[Section]:
        """The sections that stand for messages: each has its handle as its origin."""
        return [section for section in self.sections if is_handle(section.origin)]

    @property
    def builder(self) -> PromptBuilder:
        return PromptBuilder(self.sections, **self.named_texts)


def last_prompt(message_id: str) -> RecordedPrompt:
    """Returns the prompt of a message's last generation."""
    return RecordedPrompt.from_record(LAST_PROMPT.scalar(db.session(), {"message": message_id}) or {})


def sections_in(records: Iterable[Mapping[str, Any]]) -> tuple[Section, ...]:
    """Restores sections as far as they are known here."""
    return tuple(Section(**{name: record.get(name, default) for name, default in SECTION_DEFAULTS.items()}) for record in records)


def parameters_in(record: Mapping[str, Any]) -> RequestParameters:
    """Restores the parameters of a recorded prompt."""
    parameters: RequestParameters = record.get("parameters", {})
    # JSON turns tuples into lists.
    return {**parameters, "stop": tuple(parameters["stop"])} if "stop" in parameters else parameters


def section_records(sections: Iterable[Section]) -> list[dict[str, Any]]:
    """Returns what is stored of sections: the values that differ from the usual ones, and each title."""
    return [
        {name: value for name, value in asdict(section).items() if name == "title" or value != SECTION_DEFAULTS[name]}
        for section in sections
    ]


def _script(record: Mapping[str, Any]) -> TextScript:
    lists: dict[str, Any] = {name: tuple(record.get(name, ())) for name in ("trims", "placements")}
    return TextScript(**{name: value for name, value in record.items() if name in SCRIPT_FIELDS} | lists)
