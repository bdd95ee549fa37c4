"""View models of usage for pages and spreadsheets: sorted by cost, with unknown values counted separately."""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from operator import itemgetter
from typing import TypeVar

from webapp.base.db import utc_now
from webapp.base.heavy.turns import by_turns
from webapp.base.languages import gettext as _
from webapp.engine.costs import sum_in_dollars
from webapp.engine.engine import the_engine
from webapp.models.connections.models import the_models
from webapp.operations.usage.queries import VISITORS, Sums, UsageRow, summed, used, used_in_all
from webapp.people.accounts import directory
from webapp.web.filters import number

USUAL_DAYS = 30
GONE = "Deleted accounts"
# Of calls that steps of workflows make by themselves.
NO_MODEL = "Without a model"
# The spreadsheet has the complete list.
MOST_PEOPLE = 100
K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class ShownSums:
    """One row of a table, or the total below the title."""

    name: str
    answers: int
    input_tokens: str
    output_tokens: str
    cost: str
    without_tokens: int
    without_cost: int
    person_id: str = ""
    # With connections of their own, which are in no other sum.
    own: "ShownSums | None" = None


@dataclass(frozen=True, slots=True)
class TeamUsage:
    total: ShownSums
    people: list[ShownSums]
    people_left_out: int
    models: list[ShownSums]
    purposes: list[ShownSums]
    own: list[ShownSums]
    demo_answers: int
    visitors_answers: int


def team_usage(days: int) -> TeamUsage:
    """Returns everyone's usage in the last days including today.

    Answers of the demo are counted separately, and so are those of people's own connections.
    """
    parts, people = used_in_all(*_period(days)), directory.names()
    paid = [part for part in parts if not (part.is_demo or part.is_own)]
    by_person, by_model = summed(paid, by=lambda row: row.who), summed(paid, by=lambda row: row.model)
    words = {name: _(kind.words) for name, kind in the_engine().kinds.items()}
    by_purpose = summed(paid, by=lambda row: words.get(row.kind, row.kind))
    demos = summed((part for part in parts if part.is_demo), by=lambda row: row.who == VISITORS)
    persons, owners = _greatest_first(by_person), summed((part for part in parts if part.is_own), by=lambda row: row.who)

    def line(who: str | None, sums: Sums) -> ShownSums:
        return _line(people.get(who or "", _(GONE)), sums, (who or "") if who in people else "")

    return TeamUsage(
        _total(paid),
        [line(who, sums) for who, sums in persons[:MOST_PEOPLE]],
        max(0, len(persons) - MOST_PEOPLE),
        [_line(the_models().display_name(model) or _(NO_MODEL), sums) for model, sums in _greatest_first(by_model)],
        [_line(purpose, sums) for purpose, sums in _greatest_first(by_purpose)],
        [line(who, sums) for who, sums in _greatest_first(owners)[:MOST_PEOPLE]],
        *(demos.get(is_visitors, Sums()).answers for is_visitors in (False, True)),
    )


def one_person(user_id: str) -> ShownSums:
    """Returns a person's usage in the default period, without the demo."""
    parts = summed((row for row in used(*_period(USUAL_DAYS), user_id=user_id) if not row.is_demo), by=lambda row: row.is_own)
    own = _line("", parts[True]) if True in parts else None
    return replace(_line("", parts.get(False, Sums())), own=own)


def cells(days: int) -> Iterator[tuple[str, ...]]:
    """Yields rows by day, person and model, with exact sums."""
    people = directory.names_and_addresses()
    paid = (row for row in used(*_period(days)) if not row.is_demo)
    lines = summed(paid, by=lambda row: (row.day, people.get(row.who or "", (GONE, "")), row.model, row.who or "", row.is_own))
    for (day, who, model, _id, is_own), sums in by_turns(sorted(lines.items(), key=itemgetter(0))):
        tokens = (_plain(count) for count in (sums.input_tokens, sums.output_tokens))
        cost = "" if sums.cost is None else f"{sums.cost:f}"
        unknown = str(sums.without_tokens), str(sums.without_cost)
        yield f"{day}", *who, model, str(sums.answers), *tokens, cost, *unknown, "person" if is_own else "team"


def _period(days: int) -> tuple[date, date]:
    today = utc_now().date()
    return today - timedelta(days=days - 1), today


def _greatest_first(sums: dict[K, Sums]) -> Sequence[tuple[K, Sums]]:
    return sorted(sums.items(), key=lambda pair: (pair[1].cost or 0, pair[1].answers), reverse=True)


def _total(parts: Iterable[UsageRow]) -> ShownSums:
    return _line("", summed(parts, by=lambda _: "").get("", Sums()))


def _line(name: str, sums: Sums, person_id: str = "") -> ShownSums:
    tokens = _tokens(sums.input_tokens, sums), _tokens(sums.output_tokens, sums)
    cost = _("unknown") if sums.cost is None and sums.answers else sum_in_dollars(sums.cost or Decimal())
    return ShownSums(name, sums.answers, *tokens, cost, sums.without_tokens, sums.without_cost, person_id)


def _tokens(count: int | None, sums: Sums) -> str:
    if count is None:
        return _("unknown") if sums.answers else "0"
    return number(count)


def _plain(count: int | None) -> str:
    return "" if count is None else str(count)
