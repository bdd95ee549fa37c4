"""View models of the insights pages: tiles, a chart of the period, tables, and the timeline of one answer."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from operator import attrgetter
from typing import Any

from webapp.base import languages
from webapp.base.db import utc_now
from webapp.base.languages import gettext as _
from webapp.chat.prompt.recorded_prompt import RecordedPrompt
from webapp.engine.costs import in_dollars, sum_in_dollars
from webapp.engine.engine import the_engine
from webapp.engine.tables import Generation
from webapp.knowledge.sources import seen
from webapp.models.connections.models import the_models
from webapp.models.prompt_sections import Section
from webapp.operations.insights import days
from webapp.operations.insights.calls import CallFigures, calls_of_period, title_of
from webapp.operations.insights.figures import (
    METRICS,
    STEPS,
    AnswerFacts,
    By,
    Figures,
    Known,
    add_sums,
    beginning,
    most_first,
    over_time,
    percentile,
    stepping,
    steps,
    summed_by,
)
from webapp.operations.insights.queries import OUTCOMES, AnswerFilter, is_fallback, ms_since_asked
from webapp.operations.usage.shown import GONE
from webapp.people.accounts import directory
from webapp.people.accounts.permissions import may
from webapp.people.accounts.tables import User
from webapp.streaming.events import AttemptRecord
from webapp.web.filters import number, plural

PERIODS = {
    "24h": (timedelta(days=1), "hour"),
    "7d": (timedelta(days=7), "day"),
    "30d": (timedelta(days=30), "day"),
    "1y": (timedelta(days=365), "week"),
}
PERIOD_WORDS = {"24h": "24 hours", "7d": "7 days", "30d": "30 days", "1y": "Year"}
# The chart's width, in its SVG units.
TRACE_WIDTH = 600
PRIVATE = "Something private"
# What the list of answers says of the period.
LAST = {
    "24h": "The last 24 hours, newest first.",
    "7d": "The last 7 days, newest first.",
    "30d": "The last 30 days, newest first.",
    "1y": "The last year, newest first.",
}
USUAL = "7d"
UNKNOWN = "–"
VISITORS = "Visitors"
# Of calls that steps of workflows make by themselves.
NO_MODEL = "Without a model"
NO_PROMPT = "None, or not recorded"
# Of answers, as their status is stored; `running` has not ended.
STATUSES = {name: name for name in ("running", "completed", "stopped", "interrupted", "failed")}
REPAIRS = {
    "closed": "The reply was cut off or not strictly valid, and was completed without asking a model.",
    "dropped": "Parts of the reply that didn't fit the format were left out.",
    "kept": "What had arrived of an incomplete reply was kept.",
}
# What the status or the error message says already has no words here.
REASONS = {
    "stop": "",
    "error": "",
    "server_restart": "by a server restart",
    "user": "by a person",
    "idle_listener": "because no one was reading",
    "client_gone": "because the program disconnected",
    "sentence_limit": "at the sentence limit",
    "token_limit": "at the token limit",
    "cap": "at a server limit",
    "budget": "because a budget was used up",
    "first_byte": "because the model didn't start in time",
    "stall": "because the model went silent",
    "total_time": "at this server's time limit",
    "cut": "because the connection to the model was lost",
    "no_text": "without any text",
    "calls": "with calls for the program to make",
}
# The chart's size, in its SVG units.
WIDTH, HEIGHT = 600, 120


@dataclass(frozen=True, slots=True)
class ChosenFilter:
    """The selected filter; `params` are its query parameters."""

    period: str
    is_everybodys: bool
    wanted: AnswerFilter
    params: Mapping[str, str]

    def but(self, **params: str) -> dict[str, str]:
        """Returns the query parameters with some of them replaced."""
        return {name: value for name, value in {**self.params, **params}.items() if value}


@dataclass(frozen=True, slots=True)
class ListedAnswer:
    """An answer in words, with its row."""

    one: Generation
    model: str
    model_asked: str
    who: str
    kind: str
    is_fallback: bool
    first_text: str
    duration: str
    cost: str


@dataclass(frozen=True, slots=True)
class Tile:
    name: str
    value: str
    more: str
    outcome: str = ""


@dataclass(frozen=True, slots=True)
class Bar:
    """One step of the period: its place in the chart, and its row in the table."""

    at: datetime
    words: str
    x: float
    width: float
    height: float
    broken: float
    figures: "FiguresLine"


@dataclass(frozen=True, slots=True)
class FiguresLine:
    """One row of a table."""

    name: str
    answers: str
    success: str
    first_text: str
    duration: str
    fallback: str
    cost: str
    params: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class CallsLine:
    """One row of a table of calls."""

    name: str
    calls: str
    done: str
    failed: str
    denied: str
    median: str


def chosen(args: Mapping[str, str], me: User) -> ChosenFilter:
    """Parses the query parameters; members see only their own answers."""
    period = args.get("period", "") if args.get("period", "") in PERIODS else USUAL
    length, step = PERIODS[period]
    until = utc_now()
    is_admin = may(me, "administer")
    user = args.get("user", "")[:26] if is_admin else me.id
    outcome = args.get("outcome", "") if args.get("outcome", "") in OUTCOMES else ""
    named = {"kind": args.get("kind", "")[:20], "outcome": outcome}
    named |= {name: args.get(name, "")[:200] for name in ("model", "prompt")}
    since = beginning(until - length, step) + STEPS[step]
    params = {"period": period, **named, "user": user if is_admin else ""}
    models = the_models().same_model(named["model"]) if named["model"] else ()
    answer_filter = AnswerFilter(since, until, user, named["kind"], models, outcome, named["prompt"])
    return ChosenFilter(period, is_admin, answer_filter, params)


def page(of: ChosenFilter) -> dict[str, Any]:
    """Returns the values of the page, all of them sums of the same answers."""
    of = replace(of, wanted=replace(of.wanted, outcome=""))
    # The sums of whole days include everyone, without names, so the sums by person are added separately below.
    by: dict[str, By] = {name: attrgetter(name) for name in ("kind", "model", "prompt")} | {"person": _person_of}
    figures, parts = summed_by(days.known(of.wanted), {**by, "step": stepping(PERIODS[of.period][1])})
    tables = {
        "kind": _lines(parts["kind"], _kind, of, "kind"),
        "model": _lines(_by_model(parts["model"]), lambda id: the_models().display_name(id) or _(NO_MODEL), of, "model"),
        **({"prompt": _lines(parts["prompt"], _prompt, of, "prompt")} if any(parts["prompt"]) else {}),
    }
    if of.is_everybodys:
        names = directory.names()
        people = {id: figures for id, figures in parts["person"].items() if id is not None}
        for person in days.people(of.wanted):
            add_sums(people, person.user_id or "", person)
        tables["person"] = _lines(people, lambda id: _person(id, names), of, "user")
    tools, by_day = calls_of_period(of.wanted)
    calls = {
        "tool": [_calls_line(title_of(tool), used) for tool, used in tools.items()],
        "day": [_calls_line(_day_and_month(day), used) for day, used in by_day.items()],
    }
    values = {"tiles": tiles(figures), "bars": _bars(parts["step"], of), "tables": tables}
    return {**values, "answers": figures.answers, "calls": calls}


def cells(of: ChosenFilter) -> Iterator[tuple[str, ...]]:
    """Yields a row of plain numbers for each step of the period; empty where unknown."""
    answer_filter = replace(of.wanted, outcome="")
    figures_by_step = over_time(days.known(answer_filter), answer_filter.since, answer_filter.until, PERIODS[of.period][1])
    for at, figures in figures_by_step.items():
        yield f"{at:%Y-%m-%d %H:%M}", *(_plain(METRICS[name](figures)) for name in METRICS)


def tiles(of: Figures) -> list[Tile]:
    failed = "" if not of.answers else _("%(count)s failed", count=number(of.broken)) if of.broken else _("none failed")
    half, most = percentile(of.first_texts, 50), percentile(of.first_texts, 95)
    within = _("half within %(half)s, 95 %% within %(most)s", half=_ms(half), most=_ms(most))
    more = (
        plural(of.tokens, "token") if of.tokens else "",
        _("on screen for %(time)s on average", time=_ms(of.reading_ms)) if of.reading_count else "",
    )
    return [
        Tile(_("Answers"), number(of.answers), ", ".join(filter(None, more))),
        Tile(_("Success"), _percent(of.success_rate), failed, "broken"),
        Tile(_("First text, average"), _ms(of.first_text_ms), within if of.first_texts else ""),
        Tile(_("Duration, average"), _ms(of.duration_ms), ""),
        Tile(_("Fallback model used"), _percent(of.fallback_rate), plural(of.fallbacks, "answer"), "fallback"),
        Tile(_("Cost"), UNKNOWN if of.cost is None else sum_in_dollars(of.cost), _("where the price is known")),
    ]


def line(name: str, of: Figures, params: Mapping[str, str] | None = None) -> FiguresLine:
    cost = UNKNOWN if of.cost is None else sum_in_dollars(of.cost)
    rates = _percent(of.success_rate), _ms(of.first_text_ms), _ms(of.duration_ms), _percent(of.fallback_rate)
    return FiguresLine(name, number(of.answers), *rates, cost, params)


def _calls_line(name: str, of: CallFigures) -> CallsLine:
    done, failed, denied = (number(of.states[state]) for state in ("done", "failed", "denied"))
    return CallsLine(name, number(of.calls), done, failed, denied, _ms(of.median_ms))


def row(one: Generation, names: Mapping[str, str]) -> ListedAnswer:
    """Returns one answer, for a list or its page."""
    return ListedAnswer(
        one=one,
        model=the_models().display_name(one.model, one.connection),
        model_asked=the_models().display_name(one.model_asked),
        who=_person(one.user_id or "", names),
        kind=_kind(one.kind),
        is_fallback=is_fallback(one),
        first_text=_ms(ms_since_asked(one, one.first_text_at)),
        duration=_ms(ms_since_asked(one, one.ended_at)),
        cost=UNKNOWN if one.cost is None else in_dollars(Decimal(one.cost)),
    )


def answer(one: Generation, me: User) -> dict[str, Any]:
    """Returns the values of an answer's page, as this person is allowed to see it."""
    is_own, saved, prompt = one.user_id == me.id, saved_ms(one), RecordedPrompt.from_record(one.prompt or {})
    return {
        "answer": row(one, {}),
        "ended": status_text(one.status, one.reason),
        "moments": moments(one),
        "attempts": [attempt_text(attempt) for attempt in one.attempts or ()],
        "spans": [(span, _ms(span.ms)) for span in spans(one)],
        "saved": "" if saved is None else _ms(saved),
        "reading": "" if one.reading_ms is None else _ms(one.reading_ms),
        "pieces": pieces(prompt, is_own=is_own),
        "messages": len(prompt.messages),
        # Those it could quote, as far as this person is allowed to see each now.
        "sources": seen(me, prompt.sources),
        "chat_url": f"/chats/{one.chat_id}" if is_own and one.chat_id else "",
    }


def status_text(status: str, reason: str) -> str:
    """Returns how an answer ended, and why if the status alone doesn't say it."""
    reason_text = _(REASONS[reason]) if reason in REASONS else f"({reason})" if reason else ""
    return f"{_(status)} {reason_text}".rstrip()


def attempt_text(attempt: AttemptRecord) -> str:
    """Returns a failed request, or a repair of a reply, as a sentence."""
    how, model = attempt.get("how") or "", attempt.get("model") or ""
    if attempt.get("code") == "mended":
        return _(REPAIRS.get(how, "The reply was repaired."))
    way = " without streaming" if how == "whole" else ""
    after = f" after {_ms(seconds * 1000)}" if (seconds := attempt.get("seconds")) else ""
    reason = attempt.get("message") or attempt.get("code") or "no reason was given"
    return f"{the_models().display_name(model)} failed{way}{after}: {reason}"


def moments(of: Generation) -> list[tuple[str, datetime, str]]:
    """Returns the timeline of an answer: each event, when, and how long after the request."""
    times = [
        (_("Asked"), of.created_at),
        (_("Started"), of.started_at),
        (_("First text"), of.first_text_at),
        (_("Ended"), of.ended_at),
    ]
    return [(name, at, _ms(ms_since_asked(of, at))) for name, at in times if at]


def _person_of(one: Known) -> str | None:
    return one.user_id or "" if isinstance(one, AnswerFacts) else None


def _bars(parts: Mapping[datetime, Figures], of: ChosenFilter) -> list[Bar]:
    step = PERIODS[of.period][1]
    every = {**steps(of.wanted.since, of.wanted.until, step), **parts}
    most, width = max(max((figures.answers for figures in every.values()), default=0), 1), WIDTH / max(len(every), 1)
    words = {at: f"{at:%H:%M}" if step == "hour" else _day_and_month(at) for at in every}
    return [
        Bar(
            at,
            words[at],
            round(place * width + width * 0.1, 2),
            round(width * 0.8, 2),
            round(figures.answers / most * HEIGHT, 2),
            round(figures.broken / most * HEIGHT, 2),
            line(words[at], figures),
        )
        for place, (at, figures) in enumerate(every.items())
    ]


def _day_and_month(moment: date) -> str:
    return languages.current().formats.day_and_month(moment)


def _lines(parts: Mapping[str, Figures], name: Callable[[str], str], of: ChosenFilter, param: str) -> list[FiguresLine]:
    return [line(name(key), figures, of.but(**{param: key}) if key else None) for key, figures in most_first(parts).items()]


def _by_model(parts: Mapping[str, Figures]) -> dict[str, Figures]:
    """Adds up the figures of each model, which its server can report under another name than people choose it by."""
    ids, merged = dict[str, str](), dict[str, Figures]()
    for id, figures in most_first(parts).items():
        merged.setdefault(ids.setdefault(the_models().display_name(id), id), Figures()).merge(figures)
    return merged


def _kind(name: str) -> str:
    kind = the_engine().kinds.get(name)
    return _(kind.words) if kind else name


def _prompt(words: str) -> str:
    return words[:1].upper() + words[1:] if words else _(NO_PROMPT)


def _person(id: str, names: Mapping[str, str]) -> str:
    return names.get(id, _(GONE)) if id else _(VISITORS)


def _plain(value: float | None) -> str:
    return "" if value is None else f"{value:.6f}".rstrip("0").rstrip(".")


def _percent(rate: float | None) -> str:
    """Formats a rate, rounding to 100 % or 0 % only if it is exact."""
    if rate is None:
        return UNKNOWN
    tenths = round(rate * 1000)
    if 0 < rate < 1:
        tenths = min(max(tenths, 1), 999)
    return f"{number(tenths / 10 if tenths % 10 else tenths // 10)} %"


def _ms(value: float | None) -> str:
    if value is None:
        return UNKNOWN
    return f"{value:.0f} ms" if value < 1000 else _seconds(value)


def _seconds(ms: float) -> str:
    seconds = ms / 1000
    if seconds < 60:
        return f"{number(round(seconds, 1))} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{number(round(seconds / 3600, 1))} h"


@dataclass(frozen=True, slots=True)
class Span:
    """A part of the time that an answer took, and its place in the chart."""

    name: str
    words: str
    ms: int
    x: float
    width: float


@dataclass(frozen=True, slots=True)
class SectionSummary:
    """A section of the prompt, without its text."""

    title: str
    origin: str
    tokens: int
    is_dropped: bool


def spans(of: Generation) -> list[Span]:
    """Returns the phases of waiting and writing in order; a phase that never began has no span."""
    phases = [(name, words, ms) for name, words, at in _ends(of) if (ms := ms_since_asked(of, at)) is not None]
    per_ms, begins, spans = TRACE_WIDTH / max([1, *(ms for _, _, ms in phases)]), 0, list[Span]()
    for name, words, ms in phases:
        length = max(0, ms - begins)
        spans.append(Span(name, words, length, round(begins * per_ms, 2), round(length * per_ms, 2)))
        begins += length
    return spans


def saved_ms(of: Generation) -> int | None:
    """Returns how much longer the reader would have waited without streaming."""
    first, end = ms_since_asked(of, of.first_text_at), ms_since_asked(of, of.ended_at)
    return None if first is None or end is None else max(0, end - first)


def pieces(prompt: RecordedPrompt, *, is_own: bool) -> list[SectionSummary]:
    """Returns the sections of a prompt, and those dropped for lack of room; names only if the answer is the viewer's own."""
    return [*_pieces(prompt.sections, is_own, False), *_pieces(prompt.dropped, is_own, True)]


def _ends(of: Generation) -> tuple[tuple[str, str, datetime | None], ...]:
    is_answered = of.first_text_at is not None
    return (
        ("queued", _("In the queue"), of.started_at),
        ("waiting", _("Until the first text"), of.first_text_at),
        ("writing", _("Writing") if is_answered else _("Without any text"), of.ended_at),
    )


def _pieces(sections: Iterable[Section], is_own: bool, is_dropped: bool) -> Iterator[SectionSummary]:
    for section in sections:
        title = _(PRIVATE) if section.is_private and not is_own else section.title
        title = _("A source") if section.passage_id and not is_own else title
        yield SectionSummary(title, section.origin if is_own else "", section.tokens, is_dropped)
