"""Asides: requests to models besides answers, such as titles. They are recorded, and have limits of their own."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy.exc import IntegrityError

from webapp.connections.models import providers
from webapp.db import write
from webapp.engine import service
from webapp.engine.circuit import Circuits
from webapp.engine.engine import Engine
from webapp.engine.kinds import Finish, Kind
from webapp.engine.ladder import Ladder, Limits, Rung
from webapp.engine.metric_events import Limited
from webapp.engine.tables import Generation
from webapp.errors import TooMany
from webapp.ids import new_id
from webapp.providers.base import ModelRequest
from webapp.settings.service import setting

# An aside's text is short, and useless if it arrives later.
MOST_SECONDS = 30.0
# Limits besides those of answers: at most a quarter of the server's number of concurrent answers, and a few per person.
SHARE = 4
MOST_OF_A_PERSON = 2


@dataclass(frozen=True, slots=True)
class Aside:
    """A request besides an answer; its `lane` runs one at a time. `purpose` is its generation's kind, `seconds` its timeout."""

    purpose: str
    lane: str
    person: str | None
    request: ModelRequest
    id: str = field(default_factory=new_id)
    seconds: float = MOST_SECONDS


def kind(purpose: str, words: str, finish: Finish, changed: Callable[[Generation], None]) -> Kind:
    """Returns the kind of generation for this purpose; only `finish` can store its text."""
    return Kind(purpose, words, finish=finish, changed=changed, is_aside=True)


def request(engine: Engine, aside: Aside) -> None:
    """Starts an aside; raises an `AppError` if a limit or a budget refuses it."""
    _refuse_if_too_many(engine, aside)
    source = _source(engine, aside.request, aside.seconds)
    with service.beginning(engine):
        with write(keeps_loaded=True) as session:
            generation = service.queue(
                session,
                id=aside.id,
                kind=aside.purpose,
                lane=aside.lane,
                user_id=aside.person,
                model_asked=aside.request.model,
                connection=providers().connection_of(aside.request.model),
                owner=engine.worker.id,
            )
            engine.gate.admit(session, generation, aside.request, "")
        service.start(engine, generation, source)


def request_again(engine: Engine, aside: Aside) -> None:
    """Does the same for a caller that waits: first settles what a dead worker left in the lane."""
    try:
        request(engine, aside)
    except IntegrityError:
        if not service.is_freed(engine, aside.lane):
            raise
        request(engine, aside)


def stop(engine: Engine, lane: str) -> None:
    """Stops the aside that runs in this lane, if any, in whichever worker it runs; doesn't wait for its end."""
    if running := service.running_in(lane):
        service.stop(engine, running)


def _refuse_if_too_many(engine: Engine, aside: Aside) -> None:
    running = service.asides(engine)
    is_full = engine.max_streams and len(running) >= max(1, engine.max_streams // SHARE)
    if is_full or sum(live.person == aside.person for live in running) >= MOST_OF_A_PERSON or _is_too_fast(engine, aside):
        engine.emit(Limited("aside"))
        raise TooMany("Too many background requests to models are running. Please try again in a few seconds.", retry_after=5)


def _is_too_fast(engine: Engine, aside: Aside) -> bool:
    if not (per_minute := int(setting("limits.streams_per_minute"))):
        return False
    rates = engine.aside_rates
    rates.burst, rates.seconds = max(1, int(setting("limits.streams_burst")) // 2), 120 / per_minute
    return bool(rates.take(aside.person or "", engine.buckets))


def _source(engine: Engine, request: ModelRequest, seconds: float) -> Ladder:
    """Returns a source of one attempt, without streaming; it has its own circuits, as its failure must not affect answers."""
    known, model = providers(), request.model
    limits = Limits(first_byte=0, ladder=seconds, total=seconds, is_streaming=False)
    rung = Rung(model, known.of(model), known.name_of(model))
    circuits = Circuits(engine.now)
    return Ladder(request, [rung], limits, circuits=circuits, signal=engine.signal, now=engine.now, jitter=random.random)
