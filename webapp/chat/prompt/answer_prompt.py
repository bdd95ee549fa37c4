"""The prompt of an answer: collected, fitted and recorded with its generation; and the request built from it, with pictures."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import accumulate, groupby
from typing import Any, NamedTuple, cast

from webapp.base.db import db
from webapp.base.ids import new_id
from webapp.characters.macros.chat_variables import Variables
from webapp.chat.files import storage
from webapp.chat.files.reference import ANY, MARK, Reference, ids_in, parted
from webapp.chat.files.tables import IMAGE, StoredFile
from webapp.chat.group.members import with_speaker_names
from webapp.chat.prompt.builder import OF_A_CHAT, FittedPath, PromptBuilder, place
from webapp.chat.prompt.context import Contributor, Occasion, PromptContext
from webapp.chat.prompt.fold_due import FoldDue, FoldOrder, due, is_folding
from webapp.chat.prompt.leading import includes_history, leading, sections_of
from webapp.chat.prompt.path_folds import PathFold, folded_notice, is_foldable, limit_of, on_path, standing, told_of_new
from webapp.chat.prompt.recorded_prompt import PromptScripts, RecordedMessage, RecordedPrompt
from webapp.chat.prompt.scripts import scripted
from webapp.chat.prompt.section_order import in_order
from webapp.chat.record import paths
from webapp.chat.record.fields import FIELDS
from webapp.chat.record.model_choice import model_named, supports
from webapp.chat.record.presets import preset_of, settings_of
from webapp.chat.record.tables import Chat, Message
from webapp.chat.record.variables import variables_below
from webapp.engine.tables import Generation
from webapp.knowledge import sources
from webapp.knowledge.answer_sources import LATE, NO_SOURCES, AnswerSources, quoted
from webapp.models.connections.cache import the_connections
from webapp.models.connections.keys import BUILT_IN
from webapp.models.connections.providers import providers
from webapp.models.fitting import prompt_tokens
from webapp.models.prompt_sections import Outlets, Section, Template
from webapp.models.providers.base import SAMPLERS, AttachedImage, Model, ModelRequest, RequestParameters, Turn, named_picture
from webapp.models.tokens import PER_MESSAGE, estimate
from webapp.people.accounts.tables import User
from webapp.prompts import active_prompts
from webapp.prompts.active_prompts import PromptVersions
from webapp.streaming.events import Notice, SourceRecord
from webapp.tools.calls import CallRecord, calls_of
from webapp.tools.folded import handle
from webapp.tools.folding import FoldRoom, room_of
from webapp.tools.results import hidden_results, seen_rounds
from webapp.web.feature import brought

HERE = "This chat"
PARAMETER_LABELS = {
    "temperature": "Temperature",
    "max_tokens": "Max tokens",
    "top_p": "Top-p",
    "stop": "Stop words",
    **{field.name: field.label for field in FIELDS if field.is_sampler},
    "effort": "Reasoning effort",
    "is_json": "JSON",
}
ROLES = {"user": "Message", "assistant": "Answer"}
SO_FAR, ROUNDS = "The answer so far", "Rounds of the answer, folded"
STILL_READ = "not read in time for this answer. Try again in a moment."
# OpenAI rejects more than this; an imported file can contain more.
MOST_STOPS = 4
UNSEEN = Notice("images_left_out", "This model can't see images, so it got only their names.")
# What the description of a tool takes, about.
TOOL_TOKENS = 200
# Some servers reject more, and encoding them into a request blocks other greenlets. The newest are sent.
MOST_PICTURES, MOST_BYTES = 20, 12 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class SentPart:
    """A part of what was sent: a message of the chat (`message_id`) or a section of the prompt (`section`).

    With a `round`, what was sent after it, before the model wrote on.
    """

    role: str
    title: str
    content: str
    message_id: str = ""
    section: Section | None = None
    round: int = 0


@dataclass(frozen=True, slots=True)
class SentPrompt:
    """Everything that was sent for one answer; `prompt` says what was not, `dropped` which sections did not fit, in order."""

    parts: tuple[SentPart, ...]
    parameters: tuple[tuple[str, str], ...]
    prompt: RecordedPrompt
    is_continuation: bool
    dropped: tuple[Section, ...] = ()
    # The handles of the folds in it.
    folds: tuple[str, ...] = ()

    @property
    def tokens(self) -> int:
        """About how many tokens it has."""
        return sum(estimate(part.content) + PER_MESSAGE for part in self.parts)


def prompt_for(
    chat: Chat,
    path: Sequence[paths.PathMessage],
    model: str,
    *,
    history_limit: int | None = None,
    given: AnswerSources = NO_SOURCES,
    is_personal: bool = True,
    speaker_id: str | None = None,
    occasion: Occasion = "answer",
    variables: Variables | None = None,
    tool_count: int | None = None,
    without_facts: frozenset[str] = frozenset(),
    mark: int = 0,
) -> RecordedPrompt:
    """Builds the prompt to be recorded with a new generation for the last message of a path.

    `history_limit` overrides the chat's own. `given` are the answer's sources, and `speaker_id` is the character of a group that
    gives it. `variables` afterwards include those set by the prompt's texts. With a `tool_count`, a path without room beside so
    many tools raises `FoldDue`, also one of more than `mark` tokens.
    """
    limit, beginning = limit_of(chat, history_limit), path[-1].content
    history = _history(chat, path[:-1], limit)
    listed_model, leading_prompt = model_named(model), leading(chat)
    parameters = _parameters(chat, listed_model, leading_prompt)
    room = fold_room(model, parameters, tool_count, mark) if tool_count is not None and is_foldable(chat, limit) else None
    most_tokens = room.mark if room else budget_tokens(listed_model, parameters)
    context = _context(
        chat,
        path,
        model,
        history,
        is_personal=is_personal,
        speaker_id=speaker_id or chat.character_id or "",
        occasion=occasion,
        answer_id=path[-1].id,
        most_tokens=most_tokens,
        variables=variables,
        without_facts=without_facts,
    )
    builder = _builder(chat, context, given, leading_prompt, history.sections)
    fitted = partial(builder.fit, context.messages, history_limit=limit, beginning=beginning, kept=history.kept)
    fit = fitted(budget_tokens=most_tokens)
    if room and (fit.left_out or fit.beyond):
        order = due(chat, path[:-1], history.folds, builder.without(fit.dropped).tokens, room, limit)
        most_tokens = mark or budget_tokens(listed_model, parameters) - TOOL_TOKENS * ((tool_count or 0) + 1)
        in_all_room = partial(fitted, budget_tokens=most_tokens)
        fit = _in_old_form(order, partial(in_all_room, history_limit=None)) if order else in_all_room()
    instruction = active_prompts.render("continue") if beginning else None
    return replace(
        _recorded(builder, fit, given, context, path),
        parameters=parameters,
        messages=_recorded_messages(fit.of(history.written)),
        folded=told_of_new(history.folds, path),
        scripts=history.scripts,
        history_limit=limit or 0,
        continue_instruction=instruction.text if instruction else None,
        versions=PromptVersions.from_rendered(*filter(None, (leading_prompt, instruction))),
    )


def _recorded_messages(messages: Sequence[paths.PathMessage]) -> tuple[RecordedMessage, ...]:
    return tuple(RecordedMessage(message.id, len(message.content), message.speaker) for message in messages)


def prompt_of_picture(path: Sequence[paths.PathMessage]) -> RecordedPrompt:
    """Returns the prompt to be recorded with an answer by a model that draws, which is sent the message it answers alone."""
    asked = next((message for message in reversed(path[:-1]) if message.role == "user"), None)
    outside = tuple(asked.outside.splitlines()) if asked else ()
    return RecordedPrompt(messages=(RecordedMessage(asked.id, len(asked.content)),) if asked else (), outside=outside)


def side_request(
    chat: Chat,
    path: Sequence[paths.PathMessage],
    model: str,
    sections: Sequence[Section],
    *,
    speaker_id: str,
    occasion: Occasion,
    own_parameters: RequestParameters,
) -> ModelRequest:
    """Builds a request besides the chat's answers: an answer's prompt with these additional sections. Nothing is recorded."""
    listed_model, leading_prompt = model_named(model), leading(chat)
    limit = limit_of(chat)
    history = _history(chat, path, limit)
    parameters = _parameters(chat, listed_model, leading_prompt)
    parameters.update(own_parameters)
    most_tokens = budget_tokens(listed_model, parameters)
    context = _context(
        chat,
        path,
        model,
        history,
        speaker_id=speaker_id,
        occasion=occasion,
        answer_id=new_id(),
        most_tokens=most_tokens,
        variables=variables_below(path[-1].id if path else None, chat),
    )
    builder = _builder(chat, context, NO_SOURCES, leading_prompt, [*history.sections, *sections])
    # The additional sections say who is to write next.
    builder = builder.without([section for section in builder.sections if section.title == OF_A_CHAT["group"].title])
    fit = builder.fit(context.messages, budget_tokens=most_tokens, history_limit=limit, kept=history.kept)
    parameters.pop("is_json", None)
    return builder.without(fit.dropped).build(model, fit.of(context.messages), **parameters)


def request_of(generation: Generation, path: Sequence[paths.PathMessage], *, given: AnswerSources = NO_SOURCES) -> ModelRequest:
    """Builds the request from the recorded prompt and the sources, so that what is shown as sent is what was sent."""
    prompt, beginning = RecordedPrompt.from_record(generation.prompt), path[-1].content[: generation.text_offset]
    turns = [(part.role, part.content) for part in _messages(prompt, path)]
    parameters = prompt.parameters.copy()
    if beginning and prompt.continue_instruction is not None:
        parameters["continue_instruction"] = prompt.continue_instruction
    words = {source.passage_id: source.text for source in given.sources}
    builder = PromptBuilder(_quoting(prompt.builder, words))
    request = builder.build(generation.model_asked, turns, beginning=beginning, **parameters)
    request = replace(request, notices=(*_notices(prompt), *prompt.versions.notices), sources=prompt.sources)
    request = replace(request, folds=tuple(section.origin for section in prompt.folds))
    return _with_pictures(request, generation.lane.partition(":")[2])


def sent_prompt(generation: Generation, viewer: User | None = None) -> SentPrompt:
    """Returns what was sent for a generation, part by part; sources only as far as the viewer can see them now."""
    message, prompt = db.session.get_one(Message, generation.message_id), RecordedPrompt.from_record(generation.prompt)
    messages = _messages(prompt, paths.messages_to(message.id))
    builder = PromptBuilder(_quoting(prompt.builder, _as_seen(viewer, prompt.sources)))
    parts = [
        messages[placed] if isinstance(placed, int) else SentPart(placed.role, placed.title, placed.text, section=placed)
        for placed in builder.among(len(messages))
    ]
    calls = _calls_before(message, generation)
    parts += _sent_of_answer(message, generation, calls, hidden_results(viewer, calls))
    values: dict[str, Any] = {**prompt.parameters}
    values |= values.pop("samplers", {})
    parameters = tuple(
        (PARAMETER_LABELS.get(name, name), _words_of(value)) for name, value in values.items() if value is not None
    )
    dropped = PromptBuilder(prompt.dropped).sections
    numbers = {number for call in calls if call.fold for number in (call.fold["number"], call.fold["rounds"]) if number}
    folds = (*(section.origin for section in prompt.folds), *map(handle, sorted(numbers)))
    return SentPrompt(tuple(parts), parameters, prompt, bool(generation.text_offset), dropped, folds)


def _calls_before(message: Message, generation: Generation) -> list[CallRecord]:
    """Returns the calls of the answer up to a generation, as far as they are over."""
    calls = calls_of(db.session(), message.id) if message.call_count else []
    return [call for call in calls if (call.generation_id or "") <= generation.id and not call.is_open]


def _sent_of_answer(
    message: Message, generation: Generation, calls: Sequence[CallRecord], hidden: Mapping[str, str]
) -> Iterator[SentPart]:
    """Yields what was sent of the answer itself: the text that was continued, and each round's calls with what they returned.

    It is in the order of `ToolRun`'s requests, each of which is longer by one round, below rounds that are folded together.
    Results are for those who may see them.
    """
    begun, at = generation.text_offset, 0
    yield from (SentPart("user", ROUNDS, text) for text in seen_rounds(calls, message.content, hidden).values())
    for round, some in groupby(calls, key=lambda call: call.round):
        round_calls = list(some)
        first = round_calls[0]
        if first.fold and first.fold["rounds"]:
            at = first.text_at
            continue
        if at < begun < first.text_at and first.generation_id == generation.id:
            yield SentPart("assistant", SO_FAR, message.content[at:begun], message.id)
            at = begun
        if text := message.content[at : first.text_at].strip():
            yield SentPart("assistant", SO_FAR, text, message.id, round=round)
        if first.kept:
            yield SentPart("assistant", "Reasoning, as the provider wants it back", first.kept, round=round)
        yield from (SentPart("assistant", f"Called {call.tool}", call.arguments or "{}", round=round) for call in round_calls)
        for call in round_calls:
            returned = hidden.get(call.id) or call.for_the_model
            yield SentPart("tool", f"{call.title or call.tool}: what was returned", returned, round=round)
        at = first.text_at
    if at < begun:
        yield SentPart("assistant", SO_FAR, message.content[at:begun], message.id)


def _builder(
    chat: Chat,
    context: PromptContext,
    sources: AnswerSources,
    led_by: active_prompts.RenderedPrompt | None,
    own_sections: Sequence[Section],
) -> PromptBuilder:
    """Collects the sections: the leading prompt's, the prompt's own, those contributed by all features, and the sources.

    The chat's preset can have another order for those before the history.
    """
    others = [section for contributor in brought(Contributor) for section in contributor.sections(context)]
    if (preset := preset_of(chat)) and preset.section_order:
        others = list(in_order(others, preset.section_order))
    leading_sections = sections_of(led_by) if led_by else ()
    return PromptBuilder((*leading_sections, *own_sections, *_filled(others, context.outlets), *sources.sections()))


def _filled(sections: Sequence[Section | Template], outlets: Outlets) -> Iterator[Section]:
    """Fills in templates in the order in which a model reads them, so that a variable set above is visible below.

    A section that uses outlets names them in its origin.
    """
    templates = [section for section in sections if isinstance(section, Template)]
    yield from (section for section in sections if isinstance(section, Section))
    for template in sorted(templates, key=lambda template: place(template.section)):
        outlets.used.clear()
        text = template.filled(template.section.text)
        yield replace(
            template.section, text=text, origin=", ".join(dict.fromkeys(filter(None, (template.section.origin, *outlets.used))))
        )


def _words_of(value: Any) -> str:
    return ", ".join(value) if isinstance(value, tuple) else "on" if value is True else str(value)


def _recorded(
    builder: PromptBuilder, fit: FittedPath, given: AnswerSources, context: PromptContext, path: Sequence[paths.PathMessage]
) -> RecordedPrompt:
    """Returns the sections that are sent with the sources that fit, and what is not sent."""
    builder = builder.without(fit.dropped)
    if given.sources and not any(section.passage_id for section in builder.sections):
        # No passage fits, so the sections that introduce them are dropped, too.
        builder = builder.without(tuple(given.sections()))
    passages = {section.passage_id for section in builder.sections}
    above = (place for message in path if message.is_sent for place in message.outside.splitlines())
    return RecordedPrompt(
        outside=(*above, *context.outside, *given.outside),
        facts=tuple(context.facts),
        sections=_wordless(builder),
        dropped=_wordless(PromptBuilder(fit.dropped)),
        sources=tuple(source.kept for source in given.sources if source.passage_id in passages),
        is_late=given.is_late,
        by_words=given.by_words,
        unread=given.unread,
        left_out=fit.left_out,
        beyond=fit.beyond,
    )


def _wordless(builder: PromptBuilder) -> tuple[Section, ...]:
    """Returns the sections to be recorded, without the sources' text, which is stored with their documents."""
    return tuple(replace(section, text=section.title) if section.passage_id else section for section in builder.counted)


def _quoting(builder: PromptBuilder, quoted: Mapping[str, str]) -> Iterator[Section]:
    """Yields the sections with the sources' text restored."""
    for section in builder.sections:
        yield replace(section, text=quoted.get(section.passage_id, section.text)) if section.passage_id else section


def _as_seen(viewer: User | None, records: Sequence[SourceRecord]) -> dict[str, str]:
    seen = zip(records, sources.seen(viewer, records), strict=True)
    return {
        source["passage_id"]: quoted(one.number, one.passage, one.document) if one.passage and one.document else one.words
        for source, one in seen
    }


def _parameters(chat: Chat, model: Model, led_by: active_prompts.RenderedPrompt | None) -> RequestParameters:
    """Merges parameters: the chat's, else its preset's, project's, prompt's, the server's; the lower `max_tokens` applies."""
    parameters, settings = providers().parameters(model.id).copy(), settings_of(chat)
    if led_by:
        parameters.update(led_by.parameters)
    if (temperature := settings["temperature"]) is not None:
        parameters["temperature"] = temperature
    if most_tokens := settings["max_tokens"]:
        parameters["max_tokens"] = min(most_tokens, parameters.get("max_tokens") or most_tokens)
    parameters.update(_by_ability(settings, model))
    return parameters


def _by_ability(settings: Mapping[str, Any], model: Model) -> RequestParameters:
    """Returns the parameters that are left out if the model is known not to support them."""
    stop = tuple(line.strip() for line in settings["stop_words"].splitlines() if line.strip())[:MOST_STOPS]
    effort = settings["effort"]
    values_by_parameter = {
        "top_p": ("top_p", settings["top_p"]),
        "stop": ("stop", stop or None),
        "samplers": ("", _samplers(settings, model) or None),
        "effort": ("reasoning", effort if _takes_effort(model, effort) else None),
        "is_json": ("json", settings["answer_format"] == "json" or None),
    }
    supported = {
        name: value
        for name, (ability, value) in values_by_parameter.items()
        if value is not None and supports(model, ability) is not False
    }
    return cast(RequestParameters, supported)


def _samplers(settings: Mapping[str, Any], model: Model) -> dict[str, float]:
    values_by_sampler = {name: settings[name] for name in SAMPLERS if supports(model, name) is not False}
    return {name: value for name, value in values_by_sampler.items() if value is not None}


def _takes_effort(model: Model, effort: str) -> bool:
    """Returns whether to send the effort: if listed for the model, or to OpenRouter, which drops unknown parameters."""
    is_unknown = not model.efforts and the_connections().slug_of(model.id) == BUILT_IN
    return bool(effort) and (effort in model.efforts or is_unknown)


def budget_tokens(model: Model, parameters: RequestParameters) -> int:
    """Returns the token budget of a prompt; 0 if the model's context length is unknown."""
    length = model.context_length
    return prompt_tokens(length, parameters.get("max_tokens")) if length else 0


def _notices(prompt: RecordedPrompt) -> list[Notice]:
    notices = [Notice("sources_late", LATE)] if prompt.is_late else []
    notices += [folded_notice(*prompt.folded)] if prompt.folded else []
    if prompt.by_words:
        notices.append(Notice("sources_by_words", prompt.by_words))
    if prompt.unread:
        notices.append(Notice("files_unread", f"{', '.join(prompt.unread)}: {STILL_READ}"))
    if not prompt.left_out:
        return notices
    were = "was" if prompt.left_out == 1 else "were"
    words = "The oldest exchange" if prompt.left_out == 1 else f"The {prompt.left_out} oldest exchanges"
    return [
        *notices,
        Notice(
            "left_out", f"{words} in this chat {were} left out, because the whole chat doesn't fit the model's context window."
        ),
    ]


def _messages(prompt: RecordedPrompt, path: Sequence[paths.PathMessage]) -> list[SentPart]:
    recorded = {message.id: message for message in prompt.messages}
    sent = ((message, recorded[message.id]) for message in path if message.id in recorded)
    as_sent = [message._replace(content=message.content[: then.chars], speaker=then.speaker) for message, then in sent]
    as_sent = prompt.scripts.applied_to(as_sent)
    return [SentPart(message.role, ROLES.get(message.role, message.role), message.sent_text, message.id) for message in as_sent]


def _in_old_form(order: FoldOrder, fitted: Callable[[], FittedPath]) -> FittedPath:
    """Returns the prompt without a fold that is due, while a model writes that and if there is room; else raises `FoldDue`."""
    fit = fitted() if is_folding(order.chat_id) else None
    if not fit or fit.left_out:
        raise FoldDue(order)
    return fit


class _History(NamedTuple):
    """What a prompt has of a path: its folds, the other messages, and these as the characters' scripts change them.

    So many of those at their beginning are in the stretches of folds, but `kept` in full, and so many are `gone` from there.
    `sections` are the folds' own.
    """

    folds: tuple[PathFold, ...]
    written: list[paths.PathMessage]
    earlier: list[paths.PathMessage]
    scripts: PromptScripts
    sections: list[Section]
    kept: int
    gone: int


def _history(chat: Chat, path: Sequence[paths.PathMessage], limit: int | None) -> _History:
    folds = on_path(db.session(), chat, [message.id for message in path]) if is_foldable(chat, limit) else ()
    written = with_speaker_names(chat, [message for message in standing(path, folds) if message.is_sent])
    earlier, scripts = scripted(chat, written)
    kept = [sum(message.is_kept and message.is_sent for message in path[:end]) for end in (0, *(fold.last + 1 for fold in folds))]
    counted = zip(folds, kept, strict=False)
    sections = [fold.section(len(written) - before if before else None) for fold, before in counted]
    # Those that there was no time to change are left out, the oldest first.
    still_kept, sent = max(0, kept[-1] - (len(written) - len(earlier))), sum(message.is_sent for message in path)
    return _History(folds, written, earlier, scripts, sections, still_kept, sent - len(written))


def fold_room(model: str, parameters: RequestParameters, tool_count: int, mark: int = 0) -> FoldRoom:
    """Returns the room in a model's context for a prompt beside so many tools, with this mark if it is a lower one."""
    room = room_of(model, parameters.get("max_tokens"))
    # With the one that opens folds.
    own_mark = max(room.mark // 2, room.mark - TOOL_TOKENS * (tool_count + 1))
    return replace(room, mark=min(mark or own_mark, own_mark))


def _context(
    chat: Chat, path: Sequence[paths.PathMessage], model: str, history: _History, *, most_tokens: int, **about: Any
) -> PromptContext:
    @cache
    def folded() -> str:
        folds = on_path(db.session(), chat, [message.id for message in path]) if includes_history(chat) else ()
        return "\n\n".join(fold.row.text for fold in folds)

    turns, ids = [(message.role, message.sent_text) for message in history.earlier], [message.id for message in history.earlier]
    of_history: dict[str, Any] = {"ids": ids, "folded": folded, "folded_count": history.gone}
    return PromptContext(chat.id, chat.owner_id, model, turns, most_tokens=most_tokens, **of_history, **about)


def _with_pictures(request: ModelRequest, chat_id: str) -> ModelRequest:
    """Returns the request with the pictures of its messages and answers; only pictures of this chat."""
    naming = [turn.content for turn in request.turns if MARK in turn.content and turn.role in ("user", "assistant")]
    if not (ids := ids_in(naming)):
        return request
    files = {id: file for id, file in storage.in_chat(chat_id, ids).items() if file.kind == IMAGE}
    takes = not files or supports(model_named(request.model), "vision") is not False
    turns = list(turns_with_pictures(request.turns, files if takes else {}))
    notices = request.notices if takes else (*request.notices, UNSEEN)
    return replace(request, turns=tuple(reversed(turns)), notices=notices)


def _with_references(turns: Sequence[Turn]) -> Iterator[tuple[Turn, tuple[Reference, ...], list[Reference]]]:
    """Yields each turn without references, the files that it has, and the pictures of the answers before it.

    Those are sent with the next message, as servers take none from a model. An answer has their names in their places: a model
    would write such references itself.
    """
    of_answers: list[Reference] = []
    for turn in turns:
        if turn.role == "user":
            text, references = parted(turn.content)
            yield replace(turn, content=text) if references else turn, references, of_answers
            of_answers = []
        elif turn.role == "assistant" and MARK in turn.content:
            of_answers += (Reference(match["name"], match["id"]) for match in ANY.finditer(turn.content) if match["mark"])
            yield replace(turn, content=ANY.sub(_name_of, turn.content)), (), []
        else:
            yield turn, (), []


def _name_of(match: re.Match[str]) -> str:
    return named_picture(match["name"]) if match["mark"] else match["name"]


def turns_with_pictures(turns: Sequence[Turn], files: Mapping[str, StoredFile]) -> Iterator[Turn]:
    """Yields the turns with their pictures, newest first, so that the most recent pictures get the available room."""
    room, left = MOST_PICTURES, MOST_BYTES
    for turn, references, of_answers in reversed(list(_with_references(turns))):
        if not (references or of_answers):
            yield turn
            continue
        all_there = (*of_answers, *references)
        there = [reference for reference in all_there if reference.is_picture and reference.id in files][:room]
        sizes = accumulate(files[reference.id].bytes for reference in there)
        shown = [reference for reference, size in zip(there, sizes, strict=True) if size <= left]
        room -= len(shown)
        left -= sum(files[reference.id].bytes for reference in shown)
        # The text of an original is in the message.
        others = (reference for reference in references if reference not in shown and not reference.is_original)
        names = (named_picture(reference.name) if reference.is_picture else f"[File: {reference.name}]" for reference in others)
        content = "\n\n".join(part for part in (turn.content, *names) if part)
        pairs = ((files[reference.id], reference.name) for reference in shown)
        pictures = tuple(AttachedImage(file.media_type, storage.path_of(file.hash), name) for file, name in pairs)
        yield replace(turn, content=content, pictures=pictures)
