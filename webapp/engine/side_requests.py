"""Side requests: requests to models besides answers, such as titles. They are recorded, and have limits of their own."""

import random
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import TypeVar

from sqlalchemy.exc import IntegrityError

from webapp.base.db import write
from webapp.base.ids import new_id
from webapp.engine import generations
from webapp.engine.engine import Engine, the_engine
from webapp.engine.kinds import Finish, Kind
from webapp.engine.ladder import AttemptLimits, Ladder, Rung
from webapp.engine.state.circuit import Circuits
from webapp.engine.tables import Generation
from webapp.models.connections.cache import the_connections
from webapp.models.connections.models import the_models
from webapp.models.connections.providers import providers
from webapp.models.providers.base import ModelRequest
from webapp.models.rules import service as model_rules
from webapp.models.rules.rules import Occasion

# A side request's text is short, and useless if it arrives later.
MOST_SECONDS = 30.0
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SideRequest:
    """A request besides an answer; its `lane` runs one at a time. `purpose` is its generation's kind, `seconds` its timeout."""

    purpose: str
    lane: str
    person: str | None
    request: ModelRequest
    id: str = field(default_factory=new_id)
    seconds: float = MOST_SECONDS


def kind(purpose: str, words: str, finish: Finish, changed: Callable[[Generation], None]) -> Kind:
    """Returns the kind of generation for this purpose; only `finish` can store its text."""
    return Kind(purpose, words, finish=finish, changed=changed, is_side_request=True)


@contextmanager
def registered(jobs: MutableMapping[str, T], id: str, job: T) -> Iterator[None]:
    """Makes a job known by the id of the request that starts within, unless that can't start."""
    with ExitStack() as undo:
        jobs[id] = job
        undo.callback(jobs.pop, id, None)
        yield
        undo.pop_all()


def request(side_request: SideRequest) -> None:
    """Starts a side request; raises an `AppError` if a limit or a budget refuses it."""
    engine = the_engine()
    engine.admission.refuse_if_too_many_side_requests(side_request.person)
    writer = the_models().writer(side_request.request.model, side_request.person or "")
    side_request, rule_label = _by_rule(replace(side_request, request=replace(side_request.request, model=writer)))
    source = _source(engine, side_request)
    with generations.recovering_if_not_started(engine):
        with write(keeps_loaded=True) as session:
            generation = generations.queue(
                session,
                id=side_request.id,
                kind=side_request.purpose,
                lane=side_request.lane,
                user_id=side_request.person,
                model_asked=side_request.request.model,
                connection=the_connections().slug_of(side_request.request.model),
                owner=engine.worker.id,
                rule=rule_label,
            )
            engine.admission.gate.admit(session, generation, side_request.request, "")
        generations.start(engine, generation, source)


def _by_rule(side_request: SideRequest) -> tuple[SideRequest, str]:
    """Returns the request to the model that a rule chooses for it, and the label for the rule."""
    asked = side_request.request
    if not model_rules.rules():
        return side_request, ""
    occasion = Occasion(side_request.purpose, sum(map(len, asked.texts())))
    choice = model_rules.chosen(asked.model, occasion, person=side_request.person or "")
    return replace(side_request, request=replace(asked, model=choice.model)), choice.label


def request_again(side_request: SideRequest) -> None:
    """Does the same for a caller that waits: first settles what a dead worker left in the lane."""
    try:
        request(side_request)
    except IntegrityError:
        if not generations.wait_until_free(the_engine(), side_request.lane):
            raise
        request(side_request)


def stop(lane: str) -> None:
    """Stops the side request that runs in this lane, if any, in whichever worker it runs; doesn't wait for its end."""
    if running := generations.active_generation(lane):
        generations.stop(running)


def _source(engine: Engine, side_request: SideRequest) -> Ladder:
    """Returns a source of one attempt, without streaming; it has its own circuits, as its failure must not affect answers."""
    request, seconds = side_request.request, side_request.seconds
    model, person = request.model, side_request.person or ""
    limits = AttemptLimits(first_byte=0, ladder=seconds, total=seconds, is_streaming=False)
    rung = Rung(model, providers().for_model(model, person=person), providers().name_of(model))
    circuits = Circuits(engine.now)
    return Ladder(request, [rung], limits, circuits=circuits, signal=engine.signal, now=engine.now, jitter=random.random)
