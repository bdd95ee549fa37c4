"""The budget gate: reserves before a request to a model, meters the answer while it arrives, and counts its usage at the end."""

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from math import ceil, inf
from weakref import WeakKeyDictionary

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from webapp.base.db import utc_now, write
from webapp.base.errors import Unavailable
from webapp.chat.prompt.tokens import PER_MESSAGE, PER_PICTURE
from webapp.engine.costs import was_refused
from webapp.engine.live import Meter
from webapp.engine.state.admission import unmetered
from webapp.engine.tables import Generation
from webapp.models.providers.base import ModelRequest
from webapp.operations.budgets import recount, reservations
from webapp.operations.budgets.amounts import Consumption, Price, affordable, amount
from webapp.settings.service import setting
from webapp.streaming.events import Calling, Event, Text
from webapp.streaming.stop import Stop
from webapp.streaming.transcript import Transcript

log = logging.getLogger("budgets")
ENDED_BY_BUDGET = "budget"


@dataclass(frozen=True, slots=True)
class BudgetReservation:
    """What was reserved for an answer that this worker is about to begin."""

    reservations: list[reservations.Reservation]
    input_tokens: int
    output_tokens: int
    price: Price


class BudgetGate:
    """Applies the budgets to answers; it runs no query while there are none, and remembers only this worker's answers.

    `estimate` counts the tokens of a text, `token_id` returns the id of the request's API token, and `is_side_request` returns
    whether a kind of generation runs in addition to answers.
    """

    def __init__(
        self,
        *,
        estimate: Callable[[str], int],
        token_id: Callable[[], str],
        is_side_request: Callable[[str], bool],
        in_app: Callable[[], AbstractContextManager[object]],
    ) -> None:
        self._estimate, self._token_id, self._is_side_request, self._in_app = estimate, token_id, is_side_request, in_app
        # Weak keys: a generation whose transaction failed never begins, and must not leave a reservation in memory.
        self._allowed: WeakKeyDictionary[Generation, BudgetReservation] = WeakKeyDictionary()
        self._beginnings = recount.PeriodStarter(in_app)

    def prepare(self) -> None:
        """Counts long periods before a transaction is open that others would wait for."""
        if setting("budgets.enabled"):
            self._beginnings.check(utc_now())

    def admit(self, session: Session, generation: Generation, request: ModelRequest, character_id: str) -> None:
        """Reserves the expected usage of the answer; raises `OverBudget`."""
        if not setting("budgets.enabled"):
            return
        model = generation.model_asked
        # As one text, because a long text is only sampled: other writers wait for this transaction.
        input_tokens = self._estimate("\n".join(_texts(request)))
        input_tokens += sum(PER_MESSAGE + PER_PICTURE * len(turn.pictures) for turn in request.turns)
        consumption = Consumption(input_tokens, request.max_tokens or recount.usual_tokens(session, model))
        usage = reservations.UsageRequest(
            generation.id,
            generation.user_id or "",
            model,
            consumption,
            recount.price_of(model),
            character_id=character_id,
            token_id=self._token_id(),
            is_side_request=self._is_side_request(generation.kind),
        )
        if reserved := reservations.reserve(session, usage, utc_now()):
            self._allowed[generation] = BudgetReservation(
                reserved, consumption.input_tokens, consumption.output_tokens, usage.price
            )

    def meter(self, generation: Generation) -> Meter:
        """Returns what meters this answer while it arrives."""
        allowance = self._allowed.pop(generation, None)
        return partial(self._watched, generation.id, allowance) if allowance else unmetered

    def settle(self, session: Session, generation: Generation, transcript: Transcript) -> None:
        """Replaces the reservation with the answer's usage."""
        if not setting("budgets.enabled"):
            return
        output_tokens = generation.output_tokens
        if output_tokens is None:
            output_tokens = self._estimate(transcript.text) + self._estimate(transcript.reasoning)
            output_tokens += sum(self._estimate(call.arguments) for call in transcript.program_calls)
        consumption = Consumption(generation.input_tokens or 0, output_tokens, generation.cost)
        how = {"is_known": generation.input_tokens is not None, "is_nothing": was_refused(generation)}
        reservations.settle(session, generation.id, consumption, recount.price_of(generation.model_asked), **how)

    def correct(self, session: Session, generation: Generation) -> None:
        """Counts the usage that the provider reports later."""
        if setting("budgets.enabled"):
            consumption = Consumption(generation.input_tokens or 0, generation.output_tokens or 0, generation.cost)
            reservations.correct(session, generation.id, consumption, recount.price_of(generation.model_asked))

    def _watched(self, id: str, allowance: BudgetReservation, events: Iterator[Event], stop: Stop) -> Iterator[Event]:
        meter = TokenMeter(_tokens_of(allowance), estimate=self._estimate, more=partial(self._more, id, allowance))
        try:
            for event in events:
                yield event
                # Text that has arrived is charged, so it is kept; no further text is read.
                arrived = event.text if isinstance(event, Text) else event.arguments if isinstance(event, Calling) else ""
                if arrived and not meter.take(arrived):
                    stop.request(ENDED_BY_BUDGET)
        finally:
            if close := getattr(events, "close", None):
                close()

    def _more(self, id: str, allowance: BudgetReservation, tokens: int) -> int:
        """Reserves the same number of tokens again, or as many as are missing; returns 0 when a budget is used up."""
        further = Consumption(0, max(tokens, allowance.output_tokens))
        try:
            with self._in_app(), write(keeps_loaded=True) as session:
                is_held = reservations.extend(session, id, allowance.reservations, further, allowance.price)
        except (Unavailable, SQLAlchemyError) as error:
            # An answer is not stopped because the database is unavailable: all of it is counted at its end.
            log.warning("reservation_not_extended", extra={"fields": {"generation_id": id, "error": type(error).__name__}})
            return further.output_tokens
        return further.output_tokens if is_held else 0


def _tokens_of(allowance: BudgetReservation) -> float:
    input_tokens = Consumption(allowance.input_tokens, 0)
    tokens_left = [
        affordable(
            reservation.unit, reservation.reserved - amount(reservation.unit, input_tokens, allowance.price), allowance.price
        )
        for reservation in allowance.reservations
        if reservation.unit != "answers"
    ]
    return min(tokens_left, default=inf)


def _texts(request: ModelRequest) -> Iterator[str]:
    """Yields all that is sent as text, with the calls of earlier rounds and the tools."""
    for turn in request.turns:
        yield turn.content
        yield from (call.arguments for call in turn.calls)
        yield from (result.text for result in turn.results)
    for tool in request.tools:
        yield from (tool.description, tool.schema)


class TokenMeter:
    """Meters an answer against its reservation; `estimate` counts tokens, `more` reserves missing ones and returns how many."""

    def __init__(self, tokens_left: float, *, estimate: Callable[[str], int], more: Callable[[int], int]) -> None:
        self._left, self._estimate, self._more = tokens_left, estimate, more
        self._pending: list[str] = []
        self._chars = 0

    def take(self, text: str) -> bool:
        """Counts the next text; returns False when the reservation is exceeded and can't be extended."""
        self._pending.append(text)
        self._chars += len(text)
        if self._chars <= self._left:
            return True
        self._left -= self._estimate("".join(self._pending))
        self._pending.clear()
        self._chars = 0
        if self._left < 0:
            self._left += self._more(ceil(-self._left))
        return self._left >= 0
