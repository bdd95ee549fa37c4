"""What was used as pages and spreadsheets show it: in words, the greatest first, with what is unknown counted beside it."""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import TypeVar

from webapp.accounts import queries
from webapp.accounts.tables import User
from webapp.counts import number
from webapp.extensions import utc_now
from webapp.generations.usage import VISITORS, Sums, Used, summed, used

USUAL_DAYS = 30
GONE = "Deleted accounts"
LEAST = Decimal("0.0001")
K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class ShownSums:
    """One line of a table, or the total below the title."""

    name: str
    answers: int
    input_tokens: str
    output_tokens: str
    cost: str
    without_tokens: int
    without_cost: int
    person: User | None = None


@dataclass(frozen=True, slots=True)
class Everybody:
    total: ShownSums
    people: list[ShownSums]
    models: list[ShownSums]
    demo_answers: int
    visitors_answers: int


def everybody(days: int) -> Everybody:
    """What everybody has used in the last days, of which today is one; what the demo has answered stands apart."""
    parts, people = used(*_period(days)), _people()
    paid = [each for each in parts if not each.is_demo]
    by_person, by_model = summed(paid, by=lambda each: each.who), summed(paid, by=lambda each: each.model)
    demos = summed((each for each in parts if each.is_demo), by=lambda each: each.who == VISITORS)
    return Everybody(
        _total(paid),
        [_line(_name(who, people), sums, people.get(who or "")) for who, sums in _greatest_first(by_person)],
        [_line(model, sums) for model, sums in _greatest_first(by_model)],
        *(demos.get(is_visitors, Sums()).answers for is_visitors in (False, True)),
    )


def one_person(user_id: str) -> ShownSums:
    """What somebody has used in the usual days, without the demo."""
    parts = used(*_period(USUAL_DAYS), user_id=user_id)
    return _total([each for each in parts if not each.is_demo])


def cells(days: int) -> Iterator[tuple[str, ...]]:
    """Day by day, person by person and model by model, with sums that are not rounded."""
    people = _people()
    paid = [each for each in used(*_period(days)) if not each.is_demo]
    for each in sorted(paid, key=lambda each: (each.day, _name(each.who, people), each.model)):
        sums, person = each.sums, people.get(each.who or "")
        tokens = (_plain(count) for count in (sums.input_tokens, sums.output_tokens))
        cost = "" if sums.cost is None else f"{sums.cost:f}"
        unknown = str(sums.without_tokens), str(sums.without_cost)
        who = _name(each.who, people), person.email if person else ""
        yield f"{each.day}", *who, each.model, str(sums.answers), *tokens, cost, *unknown


def _period(days: int) -> tuple[date, date]:
    today = utc_now().date()
    return today - timedelta(days=days - 1), today


def _people() -> dict[str, User]:
    return {user.id: user for user, _ in queries.people()}


def _name(who: str | None, people: dict[str, User]) -> str:
    return people[who].name if who in people else GONE


def _greatest_first(sums: dict[K, Sums]) -> Sequence[tuple[K, Sums]]:
    return sorted(sums.items(), key=lambda each: (each[1].cost or 0, each[1].answers), reverse=True)


def _total(parts: Iterable[Used]) -> ShownSums:
    return _line("", summed(parts, by=lambda _: "").get("", Sums()))


def _line(name: str, sums: Sums, person: User | None = None) -> ShownSums:
    tokens = _tokens(sums.input_tokens, sums), _tokens(sums.output_tokens, sums)
    return ShownSums(name, sums.answers, *tokens, _cost(sums), sums.without_tokens, sums.without_cost, person)


def _tokens(count: int | None, sums: Sums) -> str:
    if count is None:
        return "unknown" if sums.answers else "0"
    return number(count)


def _cost(sums: Sums) -> str:
    if sums.cost is None and sums.answers:
        return "unknown"
    if not sums.cost:
        return "$0"
    return f"${sums.cost:,.4f}" if sums.cost >= LEAST else f"under ${LEAST}"


def _plain(count: int | None) -> str:
    return "" if count is None else str(count)
