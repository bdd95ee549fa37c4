"""The budget gate: reserves before a request to a model, meters the answer while it arrives, and counts its usage at the end."""

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from math import ceil, inf
from weakref import WeakKeyDictionary

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from webapp.base.db import utc_now, write
from webapp.base.errors import Unavailable
from webapp.engine.costs import was_refused
from webapp.engine.live import Meter
from webapp.engine.state.admission import unmetered
from webapp.engine.tables import Generation
from webapp.models.connections.effective import is_own
from webapp.models.providers.base import ModelRequest
from webapp.models.tokens import PER_MESSAGE, PER_PICTURE
from webapp.operations.budgets import periods, recount, reservations
from webapp.operations.budgets.amounts import Consumption, Price, affordable, amount
from webapp.settings.service import setting
from webapp.streaming.events import Asks, Calling, Event, Text
from webapp.streaming.outcome import BUDGET
from webapp.streaming.stop import Stop
from webapp.streaming.transcript import Transcript

log = logging.getLogger("budgets")


@dataclass(frozen=True, slots=True)
class BudgetReservation:
    """What is reserved for an answer that this worker is about to begin, and how much of it one that was parked has used."""

    reservations: list[reservations.Reservation]
    consumption: Consumption
    price: Price
    spent_tokens: int = 0


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
        """Reserves the expected usage of the answer; raises `OverBudget`. What a person pays for themselves needs none."""
        if not setting("budgets.enabled") or is_own(generation.model_asked):
            return
        model = generation.model_asked
        # As one text, because a long text is only sampled: other writers wait for this transaction.
        input_tokens = request.other_tokens + self._estimate("\n".join(request.texts()))
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
            self._allowed[generation] = BudgetReservation(reserved, consumption, usage.price)

    def readmit(self, session: Session, generation: Generation, transcript: Transcript) -> None:
        """Meters an answer further that was parked; raises `OverBudget` if nothing is left for it."""
        if not setting("budgets.enabled"):
            return
        reserved, consumption = reservations.held(session, generation.id)
        if not reserved:
            return
        price = recount.price_of(generation.model_asked)
        input_tokens = max(consumption.input_tokens, (transcript.usage and transcript.usage.input_tokens) or 0)
        consumption = replace(consumption, input_tokens=input_tokens)
        allowance = BudgetReservation(reserved, consumption, price, spent_tokens=self._output_tokens(transcript))
        if _tokens_of(allowance) <= 0:
            further = Consumption(0, max(consumption.output_tokens, -int(_tokens_of(allowance))))
            if empty_budget := reservations.extend(session, generation.id, reserved, further, price):
                raise periods.refusal(empty_budget, utc_now())
            allowance = replace(allowance, spent_tokens=allowance.spent_tokens - further.output_tokens)
        self._allowed[generation] = allowance

    def meter(self, generation: Generation) -> Meter:
        """Returns what meters this answer while it arrives."""
        allowance = self._allowed.pop(generation, None)
        return partial(self._watched, generation.id, allowance) if allowance else unmetered

    def settle(self, session: Session, generation: Generation, transcript: Transcript) -> None:
        """Replaces the reservation with the answer's usage."""
        if not setting("budgets.enabled") or is_own(generation.model_asked):
            return
        output_tokens = generation.output_tokens
        if output_tokens is None:
            output_tokens = self._output_tokens(transcript)
        consumption = Consumption(generation.input_tokens or 0, output_tokens, generation.cost)
        how = {"is_known": generation.input_tokens is not None, "is_nothing": was_refused(generation)}
        reservations.settle(session, generation.id, consumption, recount.price_of(generation.model_asked), **how)

    def correct(self, session: Session, generation: Generation) -> None:
        """Counts the usage that the provider reports later."""
        if setting("budgets.enabled") and not is_own(generation.model_asked):
            consumption = Consumption(generation.input_tokens or 0, generation.output_tokens or 0, generation.cost)
            reservations.correct(session, generation.id, consumption, recount.price_of(generation.model_asked))

    def _output_tokens(self, transcript: Transcript) -> int:
        texts = (transcript.text, transcript.reasoning, *(call.arguments for call in transcript.program_calls))
        return sum(map(self._estimate, texts))

    def _watched(self, id: str, allowance: BudgetReservation, events: Iterator[Event], stop: Stop) -> Iterator[Event]:
        meter = TokenMeter(_tokens_of(allowance), estimate=self._estimate, more=partial(self._more, id, allowance))
        try:
            for event in events:
                if isinstance(event, Asks):
                    # A further request is paid like the first, whose price was reserved at the start.
                    tokens = self._estimate("\n".join(event.texts))
                    if not meter.spend(_as_output(tokens, allowance)):
                        stop.request(BUDGET)
                yield event
                # Text that has arrived is charged, so it is kept; no further text is read.
                arrived = event.text if isinstance(event, Text) else event.arguments if isinstance(event, Calling) else ""
                if arrived and not meter.take(arrived):
                    stop.request(BUDGET)
        finally:
            if close := getattr(events, "close", None):
                close()

    def _more(self, id: str, allowance: BudgetReservation, tokens: int) -> int:
        """Reserves the same number of tokens again, or as many as are missing; returns 0 when a budget is used up."""
        further = Consumption(0, max(tokens, allowance.consumption.output_tokens))
        try:
            with self._in_app(), write(keeps_loaded=True) as session:
                empty_budget = reservations.extend(session, id, allowance.reservations, further, allowance.price)
        except (Unavailable, SQLAlchemyError) as error:
            # An answer is not stopped because the database is unavailable: all of it is counted at its end.
            log.warning("reservation_not_extended", extra={"fields": {"generation_id": id, "error": type(error).__name__}})
            return further.output_tokens
        return 0 if empty_budget else further.output_tokens


def _tokens_of(allowance: BudgetReservation) -> float:
    input_tokens = replace(allowance.consumption, output_tokens=0)
    tokens_left = [
        affordable(
            reservation.unit, reservation.reserved - amount(reservation.unit, input_tokens, allowance.price), allowance.price
        )
        for reservation in allowance.reservations
        if reservation.unit != "answers"
    ]
    return min(tokens_left, default=inf) - allowance.spent_tokens


def _as_output(input_tokens: int, allowance: BudgetReservation) -> float:
    """Returns how many tokens of the answer cost as much as these tokens of a request, in the budget where that is most."""
    consumption, price = Consumption(input_tokens, 0), allowance.price
    units = [reservation.unit for reservation in allowance.reservations if reservation.unit != "answers"]
    costs = [affordable(unit, amount(unit, consumption, price), price) for unit in units]
    return max((cost for cost in costs if cost < inf), default=0)


class TokenMeter:
    """Meters an answer against its reservation; `estimate` counts tokens, `more` reserves missing ones and returns how many."""

    def __init__(self, tokens_left: float, *, estimate: Callable[[str], int], more: Callable[[int], int]) -> None:
        self._left, self._estimate, self._more = tokens_left, estimate, more
        self._pending: list[str] = []
        self._chars = 0

    def spend(self, tokens: float) -> bool:
        """Counts what a further request costs; returns False like `take`."""
        self._left -= tokens
        return self._is_enough()

    def take(self, text: str) -> bool:
        """Counts the next text; returns False when the reservation is exceeded and can't be extended."""
        self._pending.append(text)
        self._chars += len(text)
        if self._chars <= self._left:
            return True
        self._left -= self._estimate("".join(self._pending))
        self._pending.clear()
        self._chars = 0
        return self._is_enough()

    def _is_enough(self) -> bool:
        if self._left < 0:
            self._left += self._more(ceil(-self._left))
        return self._left >= 0
