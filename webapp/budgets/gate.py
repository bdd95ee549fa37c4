"""The gate of budgets: reserves before a model is asked, watches the answer arrive, and counts what it has taken."""

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from math import inf
from weakref import WeakKeyDictionary

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from webapp.budgets import holding, prices
from webapp.budgets.amounts import Price, Taken, affordable, amount
from webapp.budgets.beginnings import Beginnings
from webapp.budgets.holding import Held, Wish
from webapp.budgets.metering import TokenMeter
from webapp.chat.prompt.tokens import PER_MESSAGE, PER_PICTURE
from webapp.db import utc_now, write
from webapp.engine.gate import Meter, unmetered
from webapp.engine.tables import Generation
from webapp.errors import Unavailable
from webapp.providers.base import ModelRequest
from webapp.settings.service import setting
from webapp.streaming.events import Event, Text
from webapp.streaming.stop import Stop
from webapp.streaming.transcript import Transcript
from webapp.usage.cost_text import was_refused

log = logging.getLogger("budgets")
ENDED_BY_BUDGET = "budget"


@dataclass(frozen=True, slots=True)
class Allowance:
    """What was reserved for an answer that is about to begin here."""

    held: list[Held]
    input_tokens: int
    output_tokens: int
    price: Price


class BudgetGate:
    """Where no budget applies it asks the database nothing. What it holds in memory is of its own answers alone.

    `estimate` counts the tokens of a text, `token_id` says by which API token somebody asks, `is_aside` which kinds of
    generation stand beside the answers.
    """

    def __init__(
        self,
        *,
        estimate: Callable[[str], int],
        token_id: Callable[[], str],
        is_aside: Callable[[str], bool],
        in_app: Callable[[], AbstractContextManager[object]],
    ) -> None:
        self._estimate, self._token_id, self._is_aside, self._in_app = estimate, token_id, is_aside, in_app
        # Of one that is never begun, as its transaction failed, nothing stays.
        self._allowed: WeakKeyDictionary[Generation, Allowance] = WeakKeyDictionary()
        self._beginnings = Beginnings(in_app)

    def prepare(self) -> None:
        """Has long periods counted while nobody waits for a transaction."""
        if setting("budgets.enabled"):
            self._beginnings.look(utc_now())

    def admit(self, session: Session, generation: Generation, request: ModelRequest, character_id: str) -> None:
        """Reserves what the answer will probably take; raises `OverBudget`."""
        if not setting("budgets.enabled"):
            return
        model = generation.model_asked
        # As one text, which is judged by samples when it is long: others wait for this transaction.
        asked = self._estimate("\n".join(turn.content for turn in request.turns))
        asked += sum(PER_MESSAGE + PER_PICTURE * len(turn.pictures) for turn in request.turns)
        taken = Taken(asked, request.max_tokens or prices.usual_tokens(session, model))
        wish = Wish(
            generation.id,
            generation.user_id or "",
            model,
            taken,
            prices.price_of(model),
            character_id=character_id,
            token_id=self._token_id(),
            is_aside=self._is_aside(generation.kind),
        )
        if held := holding.reserve(session, wish, utc_now()):
            self._allowed[generation] = Allowance(held, taken.input_tokens, taken.output_tokens, wish.price)

    def meter(self, generation: Generation) -> Meter:
        """What watches this answer arrive."""
        allowance = self._allowed.pop(generation, None)
        return partial(self._watched, generation.id, allowance) if allowance else unmetered

    def settle(self, session: Session, generation: Generation, transcript: Transcript) -> None:
        """Counts what the answer has taken in place of what was reserved."""
        if not setting("budgets.enabled"):
            return
        said = generation.output_tokens
        if said is None:
            said = self._estimate(transcript.text) + self._estimate(transcript.reasoning)
        taken = Taken(generation.input_tokens or 0, said, generation.cost)
        how = {"is_known": generation.input_tokens is not None, "is_nothing": was_refused(generation)}
        holding.settle(session, generation.id, taken, prices.price_of(generation.model_asked), **how)

    def correct(self, session: Session, generation: Generation) -> None:
        """Counts what the provider says later."""
        if setting("budgets.enabled"):
            taken = Taken(generation.input_tokens or 0, generation.output_tokens or 0, generation.cost)
            holding.correct(session, generation.id, taken, prices.price_of(generation.model_asked))

    def _watched(self, id: str, allowance: Allowance, events: Iterator[Event], stop: Stop) -> Iterator[Event]:
        meter = TokenMeter(_tokens_of(allowance), estimate=self._estimate, more=partial(self._more, id, allowance))
        try:
            for event in events:
                yield event
                # What has come is paid for: it is kept, and nothing is read behind it.
                if isinstance(event, Text) and not meter.take(event.text):
                    stop.ask(ENDED_BY_BUDGET)
        finally:
            if close := getattr(events, "close", None):
                close()

    def _more(self, id: str, allowance: Allowance, wanted: int) -> int:
        """As much again as was reserved, or more where more has come in one piece; nothing when a budget is used up."""
        further = Taken(0, max(wanted, allowance.output_tokens))
        try:
            with self._in_app(), write(keeps=True) as session:
                is_held = holding.extend(session, id, allowance.held, further, allowance.price)
        except (Unavailable, SQLAlchemyError) as error:
            # An answer is not ended because nothing can be counted now: its end counts all of it.
            log.warning("reservation_not_extended", extra={"fields": {"generation_id": id, "error": type(error).__name__}})
            return further.output_tokens
        return further.output_tokens if is_held else 0


def _tokens_of(allowance: Allowance) -> float:
    asked = Taken(allowance.input_tokens, 0)
    left = [
        affordable(each.unit, each.reserved - amount(each.unit, asked, allowance.price), allowance.price)
        for each in allowance.held
        if each.unit != "answers"
    ]
    return min(left, default=inf)
