"""A tool: what a model can call, what it needs to know of the call, and what it returns."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from webapp.base.languages import gettext as _
from webapp.base.words import shortened
from webapp.people.accounts.tables import User
from webapp.settings.catalog import SETTINGS
from webapp.streaming.events import SourceRecord
from webapp.streaming.stop import Stop
from webapp.tools.files import ChatFiles, NewFile, NoFiles
from webapp.tools.questions import ServerQuestion

Policy = Literal["allow", "ask", "deny"]
# Asks a person while a call is open; returns the question with its answer, or None if there is none in time.
AskPerson = Callable[[ServerQuestion], ServerQuestion | None]


class ToolFailed(Exception):
    """A call that failed: the model is told the message, and may try otherwise.

    With `is_unknown`, the call was sent and no reply was seen: whether it was done is a person's to say. `outside` names where
    outside text in the message came from.
    """

    def __init__(self, message: str, *, is_unknown: bool = False, outside: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.message, self.is_unknown, self.outside = message, is_unknown, outside


class QuestionAsked(ToolFailed):
    """A call for which a person has to answer a question before it is sent again. Where no person can be asked, it has failed."""

    def __init__(self, question: ServerQuestion) -> None:
        words = shortened(" ".join(question.message.split()), 300)
        told = f"{question.server} wants to know something first, which can't be given here: {words}"
        super().__init__(told, outside=(question.server,))
        self.question = question


@dataclass(frozen=True, slots=True)
class Hints:
    """What a tool says of itself, with the defaults of MCP: one that says nothing may write, destroy and reach the world."""

    is_read_only: bool = False
    is_destructive: bool = True
    is_idempotent: bool = False
    is_open_world: bool = True

    @property
    def is_safe_to_repeat(self) -> bool:
        return self.is_read_only or self.is_idempotent


READS = Hints(is_read_only=True, is_destructive=False, is_idempotent=True, is_open_world=False)
READS_THE_WORLD = Hints(is_read_only=True, is_destructive=False, is_idempotent=True)


@dataclass(frozen=True, slots=True)
class CallContext:
    """What a tool may know of its call. `person` asked for the answer; `stop` ends the call when the answer is stopped.

    `first_source` is the number of the call's first source: those before it are taken by the answer's others. `files` are those
    of the chat. `answered` is what a person has answered since the call asked, and `ask` asks one while it is open.
    """

    call_id: str
    chat_id: str
    person: User
    stop: Stop
    collection_ids: tuple[str, ...] = ()
    first_source: int = 1
    files: ChatFiles = field(default_factory=NoFiles)
    answered: ServerQuestion | None = None
    ask: AskPerson | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What a call returns to the model. `outside` names where outside text in it came from, such as `example.org`.

    `sources` are the passages of documents and the web pages in it, by the numbers that the text uses. `files` become files of
    the chat; the model is told which, so that a result that consists of files needs no text. `cost` is what the call
    has cost, in US dollars, if that is known.
    """

    text: str
    sources: tuple[SourceRecord, ...] = ()
    outside: tuple[str, ...] = ()
    files: tuple[NewFile, ...] = ()
    cost: str | None = None


@dataclass(frozen=True, slots=True)
class Tool:
    """Something that a model can call; `key` names it in the product, and `title` for people.

    `says` words a call for people by its arguments, such as *Searched the web for “otters”*; it must accept arguments that do
    not fit the schema. `about` is what people read of the tool, and `group` the group in which pages show it. `run` does the
    call, in the context of the application, in a greenlet of its own; a tool without it waits for a person's answer. `policy` is
    the usual one. `unavailable` returns why it can't be used now, or nothing; `setting` is the one with which an admin changes
    that. One of a tool server has the server's id, its name as `Result.outside` says it, and the hash of what was accepted.
    With `is_in_own_name`, what it does is done as the person, not as everyone: others don't decide about that. What one
    that `is_private` returns is for that person alone.
    One that `can_echo` may return what it was called with, so that a model can have composed an address in its result.
    One that `reads_addresses` opens what it is given, wherever that is, and one that `reads_private` returns text that others
    can't read.
    """

    key: str
    title: str
    description: str
    schema: Mapping[str, Any]
    says: Callable[[Mapping[str, Any]], str]
    run: Callable[[CallContext, Mapping[str, Any]], Result] | None = None
    hints: Hints = field(default_factory=Hints)
    policy: Policy = "ask"
    unavailable: Callable[[], str] = lambda: ""
    setting: str = ""
    server_id: str | None = None
    server: str = ""
    hash: str = ""
    about: str = ""
    group: str = ""
    can_echo: bool = False
    reads_addresses: bool = False
    reads_private: bool = False
    is_in_own_name: bool = False
    is_private: bool = False

    @property
    def words(self) -> str:
        """Its title in the language of the page; one of a server keeps the server's own words."""
        return self.title if self.server else _(self.title)

    @property
    def sentence(self) -> str:
        """The first sentence of what people read of it, in the language of the page; a server's words are its own."""
        if not self.server:
            return _(self.about)
        sentence, dot, _rest = (self.about or self.description).partition(". ")
        return f"{sentence}." if dot else sentence

    @property
    def set_up_url(self) -> str:
        """Where an admin makes it available; empty if that isn't by a setting."""
        return SETTINGS[self.setting].url if self.setting else ""

    @property
    def is_question(self) -> bool:
        """Whether it asks a person, who answers it in place of a tool."""
        return self.run is None


@dataclass(frozen=True, slots=True)
class MoreTools:
    """Where tools come from that depend on the person, such as those of tool servers."""

    of: Callable[[User], Iterable[Tool]]
