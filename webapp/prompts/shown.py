"""Prompts as pages show them, with how often they were used on the last days, which a later feature counts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import url_for

from webapp.base.languages import gettext as _, ngettext
from webapp.knowledge import queries as knowledge_queries
from webapp.people.accounts.tables import User
from webapp.people.search import SearchHit, SearchQuery
from webapp.people.things.thing import decides
from webapp.prompts import queries
from webapp.prompts.template import PromptPart, TemplatePiece, pieces, variables_in
from webapp.rendering.difference import difference
from webapp.tools.named import named_tools, tools_to_name
from webapp.web.feature import brought

# The size of the picture of a trend, in its SVG units: a bar a day.
BAR, HEIGHT = 6, 20
# How many prompts a search over everything finds.
MOST_NAMED = 4
DONE = {
    "saved": "Saved.",
    "published": "Published.",
    "fixed": "This version is now in use.",
    "latest": "The newest version is now always in use.",
    "reads": "Saved. Answers use these collections from now on.",
    "calls": "Saved. Answers can use these tools from now on.",
    "shared": "Everyone on the team can use it now.",
    "unshared": "Only you can use it now.",
    "deleted": "Deleted.",
    "reset": "Reset to the text that comes with Millrace.",
}
YOURS, SHARED, TEAM, BUILT_IN = "Yours", "Shared with you", "The team's", "Used by Millrace"
FOR_PROGRAMS = "For programs"
HEADINGS = (YOURS, SHARED, TEAM, BUILT_IN, FOR_PROGRAMS)


@dataclass(frozen=True, slots=True)
class PromptCounts:
    """Counts answers that this person can see by the key of their prompts, for each of the last days, oldest first."""

    of_days: Callable[[User], Mapping[str, Sequence[int]]]


@dataclass(frozen=True, slots=True)
class Trend:
    """The answers of each day as bars (x, y and height), and all of them in words."""

    bars: tuple[tuple[int, float, float], ...]
    width: int
    words: str


def trends_of(me: User) -> dict[str, Trend]:
    """Returns the trend of each built-in key that was used lately."""
    trends = (counts.of_days(me) for counts in brought(PromptCounts))
    return {key: _trend(days) for counts in trends for key, days in counts.items() if any(days)}


def _trend(days: Sequence[int]) -> Trend:
    most = max(days)
    # A day without answers has a line.
    heights = [1 + round(count / most * (HEIGHT - 1), 1) for count in days]
    bars = tuple((number * BAR, HEIGHT - height, height) for number, height in enumerate(heights))
    return Trend(bars, len(days) * BAR, _answers(sum(days), len(days)))


def _answers(count: int, days: int) -> str:
    of_days = ngettext("%(num)s day", "%(num)s days", days)
    return ngettext("%(num)s answer in %(days)s", "%(num)s answers in %(days)s", count, days=of_days)


@dataclass(frozen=True, slots=True)
class ShownPart:
    """A section split at its variables, with whether each variable is known."""

    name: str
    pieces: tuple[tuple[TemplatePiece, bool], ...]


def groups(prompts: Sequence[queries.KnownPrompt], me: User) -> dict[str, list[queries.KnownPrompt]]:
    """Groups prompts by heading and sorts them by title; leaves out empty groups except one's own."""
    prompts_by_heading: dict[str, list[queries.KnownPrompt]] = {heading: [] for heading in HEADINGS}
    for prompt in sorted(prompts, key=lambda prompt: prompt.title.lower()):
        prompts_by_heading[_heading(prompt, me)].append(prompt)
    return {heading: rows for heading, rows in prompts_by_heading.items() if rows or heading == YOURS}


def _heading(prompt: queries.KnownPrompt, me: User) -> str:
    if prompt.owner_id:
        return YOURS if prompt.owner_id == me.id else SHARED
    if not prompt.built_in:
        return TEAM
    return FOR_PROGRAMS if prompt.built_in.is_for_programs else BUILT_IN


def states(prompts: Sequence[queries.KnownPrompt]) -> dict[str, str]:
    """Returns which version of each prompt is in use, and how that is chosen, by the prompt's name."""
    newest = queries.newest_numbers(prompts)
    return {prompt.name: _state(prompt, newest.get(prompt.id, queries.FIRST if prompt.built_in else 0)) for prompt in prompts}


def _state(prompt: queries.KnownPrompt, newest: int) -> str:
    if prompt.is_compared:
        return _("experiment running")
    if prompt.is_fixed:
        return _("version %(number)s, fixed", number=prompt.version)
    return _("version %(number)s", number=newest) if newest else _("no version yet")


def page(prompt: queries.KnownPrompt, me: User) -> dict[str, Any]:
    versions = queries.versions(prompt)
    version = next(queries.with_texts(prompt, [queries.in_use(prompt, versions)]), None) if versions else None
    return {
        "prompt": prompt,
        "versions": versions,
        "used": version,
        "parts": shown_parts(prompt, version.parts) if version else (),
        "facts": facts(version) if version else (),
        "may_change": decides(prompt, me),
        "experiment": queries.running_on(prompt),
        "may_compare": bool(prompt.built_in and prompt.built_in.is_answered and len(versions) > 1),
        "is_shared": bool(prompt.owner_id) and queries.is_shared(prompt),
        "reads": knowledge_queries.collections_among(me, prompt.collection_ids) if prompt.collection_ids else (),
        "to_read": knowledge_queries.to_choose(me) if prompt.can_read and decides(prompt, me) else (),
        "calls": named_tools(me, prompt.tools),
        "to_call": tools_to_name(me) if prompt.can_read and decides(prompt, me) else (),
    }


def compared(prompt: queries.KnownPrompt, number: int, against: str) -> dict[str, Any] | None:
    """Compares a version with another one, by default the one before; None if there is no such version."""
    versions = queries.versions(prompt)
    numbered = {version.number: version for version in versions}
    other_number = int(against) if against.isdecimal() and len(against) < 8 else number - 1
    if not (one := numbered.get(number)):
        return None
    one, *others = queries.with_texts(prompt, [one, *([numbered[other_number]] if other_number in numbered else [])])
    other = others[0] if others else None
    lines = difference(text_of(other), text_of(one)) if other else []
    shown = {"parts": shown_parts(prompt, one.parts), "facts": facts(one), "lines": lines}
    return {"prompt": prompt, "version": one, "other": other, "versions": versions, **shown}


def editor(prompt: queries.KnownPrompt) -> dict[str, Any]:
    versions, built_in = queries.versions(prompt), prompt.built_in
    return {
        "prompt": prompt,
        "newest": versions[0].number if versions else 0,
        "variables": built_in.variables if built_in else {},
        "needs": built_in.needs if built_in else (),
        "takes": built_in.takes if built_in else (),
    }


def shown_parts(prompt: queries.KnownPrompt, parts: Sequence[PromptPart]) -> tuple[ShownPart, ...]:
    variables = prompt.built_in.variables if prompt.built_in else variables_in(parts)
    return tuple(
        ShownPart(part.name, tuple((piece, piece.variable in variables) for piece in pieces(part.text))) for part in parts
    )


def facts(version: queries.Version) -> tuple[tuple[str, str], ...]:
    """Returns the parameters that a version sets, with labels."""
    parameters = ((_("Model"), version.model), (_("Temperature"), version.temperature), (_("Max tokens"), version.max_tokens))
    return tuple((name, str(value)) for name, value in parameters if value not in ("", None))


def text_of(version: queries.Version) -> str:
    """Returns a version as one text, for a diff."""
    parts = [f"{part.name}\n{part.text}" for part in version.parts]
    return "\n\n".join([*(f"{name}: {value}" for name, value in facts(version)), *parts])


def search_hits(user: User, query: SearchQuery) -> list[SearchHit]:
    """Returns prompts by their names, for the search over everything."""
    prompts = queries.prompts_named(user, query, limit=MOST_NAMED) if query.words else []
    return [
        SearchHit(
            title=prompt.title, path=url_for("prompts.show", name=prompt.name), icon="notebook-pen", detail=f"/{prompt.key}"
        )
        for prompt in prompts
    ]
