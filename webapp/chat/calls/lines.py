"""The calls of answers as pages show them: a line each, and a card for one that waits for a person."""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby, islice
from types import MappingProxyType
from typing import Any

from sqlalchemy import select

from webapp.base import languages
from webapp.base.db import db
from webapp.base.languages import gettext as _, ngettext
from webapp.chat.calls.files import ShownFile, files_by_id
from webapp.chat.calls.questions import ShownQuestion, shown_question
from webapp.chat.calls.service import (
    IN_OWN_NAME,
    Decision,
    choices,
    has_lost_model,
    limit_of,
    other_spender,
    parked_answer,
    waiting_calls,
)
from webapp.chat.record.tables import Message
from webapp.models.connections.models import the_models
from webapp.models.providers.base import Model
from webapp.people.accounts.tables import User
from webapp.rendering.footnotes import CALLS
from webapp.tools.built_in.texts import closed_up, revealed
from webapp.tools.calls import shown_arguments
from webapp.tools.offers import built_in_tools
from webapp.tools.outside import SENTENCES
from webapp.tools.results import hidden_results
from webapp.tools.tables import Call
from webapp.web.filters import number

# Words beside the name of a tool; a call that is done has a sentence of its own.
STATES = {
    "asked": "about to run",
    "waiting": "waiting for a decision",
    "running": "running",
    "done": "done",
    "failed": "failed",
    "denied": "not allowed",
    "unknown": "sent, but no reply received",
}
# Of a call that an answer has left behind: nothing more comes of it.
LEFT = {"asked": "not finished", "waiting": "not decided", "running": "not finished"}
# Why calls ask, by what each sentence was stored as.
WHYS = {re.compile(re.escape(words).replace(re.escape("%(places)s"), "(?P<places>.+)")): words for words in SENTENCES}
FOR_AN_ANSWER = "waiting for an answer"
# What a card shows of the arguments, and of each value once that is opened; all of them are on the page of the call.
MOST_ARGUMENTS, MOST_VALUE_CHARS, MOST_OPENED_CHARS, MOST_REPLY_CHARS = 30, 1_000, 20_000, 80


@dataclass(frozen=True, slots=True)
class ShownArgument:
    """An argument of a call; `rest` is what of its value has to be opened, and `more_chars` how much isn't there."""

    name: str
    value: str
    rest: str = ""
    more_chars: int = 0


@dataclass(frozen=True, slots=True)
class ShownCall:
    """A call for a template; `arguments` are a small table, `more_arguments` how many others there are, and `options` the
    answers to a question of the model.

    `name` is the tool's, `said` what is said of the call where it is one line, and `reply` a person's answer to the model.
    `asked` is what the call's server asks, or has asked. `hidden` says why its reader can't see what it returned, and `only_by`
    names the one person who can allow or answer it, if that is another. `trouble` says why it can't be done now.
    """

    id: str
    tool: str
    name: str
    title: str
    state: str
    words: str
    said: str
    seconds: float | None
    why: str
    error: str
    choices: tuple[Decision, ...]
    arguments: tuple[ShownArgument, ...] = ()
    more_arguments: int = 0
    question: str = ""
    options: tuple[str, ...] = ()
    reply: str = ""
    decided_at: datetime | None = None
    files: tuple[ShownFile, ...] = ()
    asked: ShownQuestion | None = None
    hidden: str = ""
    only_by: str = ""
    trouble: str = ""
    round: int = 0
    # Whether the answer had text before it, and it is shown there rather than above the text.
    is_in_text: bool = False

    @property
    def is_waiting(self) -> bool:
        return bool(self.choices)

    @property
    def is_question(self) -> bool:
        return "decline" in self.choices and "cancel" not in self.choices

    @property
    def form(self) -> ShownQuestion | None:
        """What its server asks now."""
        return self.asked if "cancel" in self.choices else None

    @property
    def is_running(self) -> bool:
        return self.state in ("asked", "running") and not self.form

    @property
    def took(self) -> str:
        """How long it ran; empty if that is too short to be shown, or was a person's time."""
        return f"{number(round(self.seconds, 1))} s" if self.seconds is not None and self.seconds >= 0.1 else ""


@dataclass(frozen=True, slots=True)
class ShownLimit:
    """The limit that an answer has reached, in words; for money, more of it can be entered.

    `only_by` names the one person who can let it continue, if that is another.
    """

    words: str
    is_money: bool
    only_by: str = ""


@dataclass(frozen=True, slots=True)
class ShownLoss:
    """The model of an answer that waits, which can't continue it, and those that can."""

    name: str
    models: tuple[Model, ...]


@dataclass(frozen=True, slots=True)
class ShownCalls:
    """The calls of one answer; while it `is_live` they can be decided about, by those who `can_decide`.

    `limit` is the one at which the answer waits; `loss` says that its model can't continue it.
    """

    message_id: str
    calls: tuple[ShownCall, ...]
    is_live: bool = False
    can_decide: bool = True
    limit: ShownLimit | None = None
    loss: ShownLoss | None = None
    # The round in whose place in the text they stand; 0 above it.
    place: int = 0

    @property
    def id(self) -> str:
        return f"message-{self.message_id}-calls{f'-{self.place}' if self.place else ''}"

    @property
    def above(self) -> "ShownCalls":
        """Those that stand above the text."""
        return replace(self, calls=tuple(call for call in self.calls if not call.is_in_text))

    @property
    def in_text(self) -> "dict[int, ShownCalls]":
        """Those that stand in the text, by their rounds."""
        by_round = groupby((call for call in self.calls if call.is_in_text), key=lambda call: call.round)
        return {round: replace(self, calls=tuple(calls), place=round) for round, calls in by_round}

    def placed_in(self, html: str) -> "ShownCalls":
        """Returns them as they can stand: those without a place in this HTML above it, as in a text that was changed since."""
        places = {int(round) for round in CALLS.findall(html)}
        return replace(
            self, calls=tuple(replace(call, is_in_text=call.is_in_text and call.round in places) for call in self.calls)
        )

    @property
    def asks(self) -> tuple[ShownCall, ...]:
        """Those that wait for a person."""
        return tuple(call for call in self.calls if call.is_waiting) if self.is_live else ()

    @property
    def is_waiting(self) -> bool:
        return bool(self.asks or self.limit or self.loss)

    @property
    def running(self) -> ShownCall | None:
        is_any = self.is_live and not (self.limit or self.loss)
        return next((call for call in self.calls if call.is_running), None) if is_any else None

    @property
    def decided_at(self) -> datetime | None:
        """When a person has decided about the last of them."""
        return max((call.decided_at for call in self.calls if call.decided_at), default=None)

    @property
    def state_words(self) -> str:
        return _("Waiting for you") if self.can_decide else _("Waiting for a decision")

    @property
    def summary(self) -> str:
        """What is said of several calls in one line."""
        if current := self.running or next(iter(self.asks), None):
            return current.said
        count = len(self.calls)
        tools = len({call.tool for call in self.calls if call.state in ("done", "failed", "unknown")})
        failed = sum(call.state == "failed" for call in self.calls)
        parts = (
            ngettext("Used %(num)s tool", "Used %(num)s tools", tools) if tools else _("No tools used"),
            ngettext("%(num)s call", "%(num)s calls", count) if count > tools else "",
            _("%(num)s failed", num=failed) if failed else "",
        )
        return " · ".join(filter(None, parts))

    @property
    def files(self) -> tuple[ShownFile, ...]:
        return tuple(file for call in self.calls for file in call.files)

    @property
    def has_pictures(self) -> bool:
        return any(file.is_picture for file in self.files)

    def limited(self) -> "ShownCalls":
        """Returns them for those who can only read."""
        return replace(self, can_decide=False)


def calls_by_message(messages: Iterable[Message]) -> dict[str, list[Call]]:
    """Returns the calls of these messages; without a query if none has any."""
    ids = [message.id for message in messages if message.call_count]
    calls: defaultdict[str, list[Call]] = defaultdict(list)
    if ids:
        query = select(Call).where(Call.message_id.in_(ids)).order_by(Call.round, Call.number)
        for call in db.session.scalars(query.execution_options(populate_existing=True)):
            calls[call.message_id].append(call)
    return calls


def calls_in(message: Message, reader: User | None, *, is_live: bool, can_decide: bool = True) -> ShownCalls:
    """Returns the calls of one answer as this reader sees them."""
    calls = calls_by_message([message])[message.id]
    hidden = hidden_results(reader, calls)
    shown = calls_for(reader, message.id, calls, files_by_id(calls), is_live=is_live, hidden=hidden)
    return shown if can_decide else shown.limited()


def calls_for(
    reader: User | None,
    message_id: str,
    calls: Sequence[Call],
    files: Mapping[str, ShownFile],
    *,
    is_live: bool,
    hidden: Mapping[str, str],
) -> ShownCalls:
    """Returns the calls of an answer as this reader sees them, without what is `hidden`, and with what they can decide."""
    waiting = waiting_calls(message_id, calls if is_live else ())
    shown = shown_calls(message_id, calls, files, is_live=is_live, hidden=hidden, only_by=waiting.only_by(reader))
    if troubles := waiting.troubles():
        shown = replace(shown, calls=tuple(replace(call, trouble=_(troubles.get(call.id, ""))) for call in shown.calls))
    return replace(shown, limit=_reached(message_id, reader), loss=_loss(message_id)) if is_live and calls else shown


def shown_calls(
    message_id: str,
    calls: Sequence[Call],
    files: Mapping[str, ShownFile],
    *,
    is_live: bool,
    hidden: Mapping[str, str],
    only_by: Mapping[str, str] = MappingProxyType({}),
) -> ShownCalls:
    shown = tuple(
        shown_call(call, files, is_live=is_live, hidden=hidden.get(call.id, ""), only_by=only_by.get(call.id, ""))
        for call in calls
    )
    return ShownCalls(message_id, shown, is_live)


def _reached(message_id: str, reader: User | None) -> ShownLimit | None:
    reached = limit_of(message_id)
    if not reached:
        return None
    return ShownLimit(_(reached.words), is_money=reached.limit == "cost", only_by=other_spender(message_id, reader))


def _loss(message_id: str) -> ShownLoss | None:
    parked = parked_answer(message_id)
    if not parked or not has_lost_model(parked):
        return None
    models = (model for model in the_models().offered(parked.user_id or "") if not model.draws)
    return ShownLoss(the_models().display_name(parked.model_asked), tuple(models))


def shown_call(
    call: Call,
    files: Mapping[str, ShownFile],
    *,
    is_live: bool,
    is_whole: bool = False,
    asked: ShownQuestion | None = None,
    reader: str = "",
    hidden: str = "",
    only_by: str = "",
) -> ShownCall:
    """Returns a call as it is shown; `is_whole` with all of its arguments, `asked` with what was typed into a server's form."""
    written = shown_arguments(call.arguments)
    tool = built_in_tools().get(call.tool)
    is_question = tool is not None and tool.is_question
    values: dict[str, Any] = written if isinstance(written, dict) else {"arguments": written}
    begun, ended, name = call.started_at, call.ended_at, tool.words if tool else call.title or call.tool
    can_be = tuple(decision for decision in choices(call) if not (only_by and decision in IN_OWN_NAME))
    asked = asked or shown_question(call, reader=reader)
    values, of_model = ({}, values) if is_question else (values, {})
    most, most_chars = (None, None) if is_whole else (MOST_ARGUMENTS, MOST_VALUE_CHARS)
    words = STATES[call.state] if is_live else LEFT.get(call.state, STATES[call.state])
    is_for_an_answer = is_live and "cancel" in can_be
    words = _(FOR_AN_ANSWER if is_for_an_answer else words)
    is_done = call.state == "done"
    # The words that were stored are English.
    is_said_again = tool and call.title and isinstance(written, dict) and languages.current().code != languages.ENGLISH
    title = tool.says(written)[:500] if tool and is_said_again else call.title
    return ShownCall(
        id=call.id,
        tool=call.tool,
        name=name,
        # It is worded as what was done.
        title=title if is_done else name,
        state=call.state,
        words=words,
        said=(title or name) if is_done else name if is_live and can_be else f"{name} · {words}",
        seconds=(ended - begun).total_seconds() if begun and ended else None,
        why=_why(call.why),
        error="" if hidden else call.error,
        choices=can_be,
        arguments=tuple(_argument(name, value, most_chars) for name, value in islice(values.items(), most)),
        more_arguments=max(0, len(values) - most) if most else 0,
        question=revealed(str(of_model.get("question", ""))),
        options=_texts(of_model.get("choices")),
        decided_at=call.decided_at,
        files=() if hidden else tuple(files[id] for id in call.file_ids if id in files),
        asked=asked.told_to_others() if asked and hidden else asked,
        hidden=hidden,
        only_by=only_by,
        round=call.round,
        is_in_text=call.text_at > 0,
        reply=_cut(call.text, MOST_REPLY_CHARS) if is_question and is_done else "",
    )


def _why(sentence: str) -> str:
    """Returns why a call asks, which was stored as a sentence, in the language of the page."""
    matches = ((pattern.fullmatch(sentence), words) for pattern, words in WHYS.items())
    return next((_(words, **match.groupdict()) for match, words in matches if match), sentence)


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list) else ()


def _argument(name: str, value: Any, most_chars: int | None) -> ShownArgument:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if most_chars is None:
        return ShownArgument(closed_up(revealed(name)), closed_up(revealed(text)))
    read = closed_up(revealed(text[:MOST_OPENED_CHARS]))
    more_chars = max(0, len(text) - MOST_OPENED_CHARS)
    return ShownArgument(closed_up(revealed(name[:most_chars])), read[:most_chars], read[most_chars:], more_chars)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}…"
