"""The calls of answers in exported chats, for programs and for people, and as rows of those that a file brings."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from webapp.base.db import utc_now
from webapp.base.languages import gettext as _, ngettext
from webapp.base.untrusted_json import JsonObject
from webapp.chat.calls.lines import ShownCall, ShownCalls, calls_by_message, shown_calls
from webapp.chat.imports import own
from webapp.chat.imports.filed import OF_CALL_ROW, FiledCall, FiledMessage, FiledSource, escaped, fenced
from webapp.chat.record.tables import Message
from webapp.engine.tables import Generation
from webapp.knowledge import sources
from webapp.people.accounts.tables import User
from webapp.tools.calls import shown_arguments
from webapp.tools.outside import IMPORTED
from webapp.tools.results import hidden_results
from webapp.tools.tables import Call

# How much of arguments and of a result people read in a file; JSON has all of it.
MOST_CHARS = 4_000


def filed_calls(
    messages: Sequence[Message], generations: Mapping[str, Sequence[Generation]], owner: User | None
) -> dict[str, tuple[FiledCall, ...]]:
    """Returns the calls of these messages as they are in a file, by message; without results that the owner can't see now."""
    calls = calls_by_message(messages)
    hidden = hidden_results(owner, (call for some in calls.values() for call in some))
    filed = dict[str, tuple[FiledCall, ...]]()
    for id, some in calls.items():
        index_by_id = {generation.id: index for index, generation in enumerate(generations.get(id, ()))}
        filed[id] = tuple(
            _filed(call, index_by_id.get(call.generation_id or ""), owner, is_hidden=call.id in hidden) for call in some
        )
    return filed


def _filed(call: Call, generation: int | None, owner: User | None, *, is_hidden: bool) -> FiledCall:
    values = {name: getattr(call, name) for name in OF_CALL_ROW}
    state, reason = own.closed(call.state)
    if reason:
        values |= {"state": state, "error": reason}
    if is_hidden:
        values |= {"text": "", "is_cut": True, "error": reason}
    return FiledCall(
        **values,
        generation=generation,
        sources=_filed_sources(call, owner),
        outside=tuple(place for place in call.outside if place != IMPORTED),
        file_ids=() if is_hidden else tuple(call.file_ids),
    )


def _filed_sources(call: Call, owner: User | None) -> tuple[FiledSource, ...]:
    return filed_sources(sources.seen(owner, call.sources)) if call.sources else ()


def filed_sources(seen: Sequence[sources.SeenSource]) -> tuple[FiledSource, ...]:
    """Returns those of the sources that were found."""
    return tuple(_filed_source(source) for source in seen if source.title)


def _filed_source(source: sources.SeenSource) -> FiledSource:
    filed = FiledSource(number=source.number, title=source.title, page=source.passage.page if source.passage else None)
    return {**filed, "url": source.web_page.url} if source.web_page else filed


def rows_of(filed: FiledMessage, message_id: str, generations: Sequence[Generation]) -> Iterator[Call]:
    """Yields the calls of a message from a file, to be stored; what they returned is outside text here."""
    for call in filed.calls:
        values: JsonObject = {name: getattr(call, name) for name in OF_CALL_ROW}
        values["asked_at"] = call.asked_at or filed.created_at or utc_now()
        author = generations[call.generation] if call.generation is not None and call.generation < len(generations) else None
        yield Call(
            **values,
            message_id=message_id,
            generation_id=author.id if author else None,
            # Beside what the file says, which could name a tool server here.
            outside=[*call.outside, *[IMPORTED] * bool(call.text)],
            file_ids=list(call.file_ids),
        )


@dataclass(frozen=True, slots=True)
class ReadCall:
    """A call as people read it in a file: its arguments and its result up to `MOST_CHARS`, and how much of it is not there."""

    shown: ShownCall
    arguments: str
    note: str
    result: str
    left_out: str

    @property
    def line(self) -> str:
        """The tool, the state and the time, beside the title."""
        return " · ".join(filter(None, (self.shown.tool, self.shown.words, self.shown.took)))

    @property
    def remarks(self) -> list[tuple[str, str]]:
        """Why it asked, what a person noted, and its error, each with its name."""
        remarks = {_("Asked because"): self.shown.why, _("Note"): self.note, _("Error"): self.shown.error}
        return [(word, _on_one_line(text)) for word, text in remarks.items() if text]


@dataclass(frozen=True, slots=True)
class ReadCalls:
    """The calls of an answer as people read them in a file."""

    summary: str
    calls: tuple[ReadCall, ...]

    def as_markdown(self) -> str:
        """Returns a folded section."""
        # Titles are written by models: markup in them is escaped, and in fences it is none.
        calls = "".join(_markdown(call) for call in self.calls)
        return f"<details>\n<summary>{self.summary}</summary>\n{calls}\n</details>\n\n"

    def as_text(self) -> str:
        return f"{self.summary}:\n" + "".join(_text(call) for call in self.calls) + "\n"


def read_calls(messages: Sequence[Message], reader: User | None) -> dict[str, ReadCalls]:
    """Returns the calls of these messages as this reader can see them, by message; without a query if none has any."""
    calls = calls_by_message(messages)
    hidden = hidden_results(reader, (call for some in calls.values() for call in some))
    return {id: _read(shown_calls(id, some, {}, is_live=False, hidden=hidden), some) for id, some in calls.items()}


def _read(shown: ShownCalls, calls: Sequence[Call]) -> ReadCalls:
    return ReadCalls(shown.summary, tuple(_read_one(one, call) for one, call in zip(shown.calls, calls, strict=True)))


def _read_one(shown: ShownCall, call: Call) -> ReadCall:
    arguments = shown_arguments(call.arguments)
    written = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False, indent=1)
    if shown.hidden:
        return ReadCall(shown, _cut(written), call.note, "", shown.hidden)
    more = len(call.text) - MOST_CHARS
    return ReadCall(shown, _cut(written), call.note, call.text[:MOST_CHARS], _left_out(more, is_cut=call.is_cut))


def _left_out(more: int, *, is_cut: bool) -> str:
    if more > 0:
        return ngettext("%(num)s more character is left out.", "%(num)s more characters are left out.", more)
    return _("The rest was left out.") if is_cut else ""


def _cut(text: str) -> str:
    return text if len(text) <= MOST_CHARS else f"{text[:MOST_CHARS]}…"


def _markdown(call: ReadCall) -> str:
    return "".join(
        (
            f"\n**{escaped(call.shown.title or call.shown.name)}** · {escaped(call.line)}\n",
            f"\n{fenced(call.arguments, 'json')}\n",
            *(f"\n{word}: {escaped(text)}\n" for word, text in call.remarks),
            f"\n{_('Result')}:\n\n{fenced(call.result)}\n" if call.result else "",
            f"\n{call.left_out}\n" if call.left_out else "",
        )
    )


def _text(call: ReadCall) -> str:
    lines = [f"- {_on_one_line(call.shown.title or call.shown.name)} ({call.line})", f"  {_('Arguments')}: {call.arguments}"]
    lines += [f"  {word}: {text}" for word, text in call.remarks]
    lines += [f"  {_('Result')}: {call.result}"] if call.result else []
    lines += [f"  {call.left_out}"] if call.left_out else []
    return "".join(f"{line}\n" for line in lines)


def _on_one_line(text: str) -> str:
    return " ".join(text.split())
