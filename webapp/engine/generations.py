"""Queues, starts and stops generations."""

import hashlib
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache, partial
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, bindparam, case, func, insert, literal_column, select, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session, aliased

from webapp.base.database import rows
from webapp.base.database.statements import Prepared
from webapp.base.db import db, utc_now, write
from webapp.base.errors import Busy, Conflict, TooMany, Unavailable
from webapp.engine.drawing import DrawingSource, picture_request
from webapp.engine.duties import ends, journal
from webapp.engine.engine import Engine, the_engine
from webapp.engine.ladder import AttemptLimits, Ladder, Rung
from webapp.engine.live import EventSource
from webapp.engine.metric_events import Limited
from webapp.engine.state import ownership
from webapp.engine.state.admission import TOO_MANY_AT_ONCE
from webapp.engine.tables import ACTIVE, RUNNING, WAITING, WHILE_ACTIVE, Generation, among_active
from webapp.models.connections import contexts
from webapp.models.connections.models import the_models
from webapp.models.connections.providers import providers
from webapp.models.providers.base import ModelRequest
from webapp.settings.service import setting
from webapp.streaming.topics import Entry
from webapp.streaming.transcript import Transcript

# Built once, as every message runs them: SQLAlchemy takes longer to write them than the database to run them.
SENT_AS = Prepared(select(Generation.id).where(Generation.sent_as == bindparam("sent_as")))
ACTIVE_IN = Prepared(select(Generation.id, Generation.message_id).where(Generation.lane == bindparam("lane"), WHILE_ACTIVE))
RUNNING_IN = select(Generation).where(Generation.lane == bindparam("lane"), WHILE_ACTIVE)
BUSY = "An answer is already being written here. Wait until it finishes, or stop it."
JUST_CHANGED = "This has just changed. Please try again."
ENDING_SECONDS = 5.0
# People don't see that the text of an answer for a page arrives up to 10 ms later, and it takes a tenth of the CPU time less.
PAGE_BEATS = 1.25
# With more watchers than a few, each piece of text costs a hundred pages' writes; 90 ms apart, no text is later than 100 ms.
FEW_WATCHERS, CROWD_BEATS = 8, 2.25


class Active(NamedTuple):
    """A generation that has not ended, and the message that it writes."""

    id: str
    message_id: str | None


def request_hash(sender: str, key: str, body: str) -> str | None:
    """Returns a hash that identifies a request by person, idempotency key and text; None without a key."""
    return hashlib.sha256("\0".join((sender, key, body)).encode()).hexdigest() if key else None


def generation_of_request(sent_as: str | None) -> Generation | None:
    """Returns the generation that an earlier request with this hash has started."""
    id = SENT_AS.scalar(db.session(), {"sent_as": sent_as}) if sent_as else None
    return db.session.get(Generation, id) if id else None


def repeated_or_refused(sent_as: str | None, refuse: Callable[[], None]) -> Generation | None:
    """Returns what `generation_of_request` does, also after a refusal: two requests with the same key can come together."""
    if repeated := generation_of_request(sent_as):
        return repeated
    try:
        refuse()
    except Busy:
        if repeated := generation_of_request(sent_as):
            return repeated
        raise
    return None


def active_generation(lane: str) -> Generation | None:
    """Returns the active generation of a lane."""
    return db.session.scalar(RUNNING_IN, {"lane": lane})


def active_ids(lane: str) -> Active | None:
    """Returns the active generation of a lane from the database, bypassing objects in the session."""
    row = ACTIVE_IN.first(db.session(), {"lane": lane})
    return Active(*row) if row else None


def wait_until_free(engine: Engine, lane: str) -> bool:
    """Waits a moment for the recovery if a dead worker left a generation in this lane; returns whether the lane is free."""
    if left := active_generation(lane):
        id, worker = left.id, engine.worker
        # One that this worker owns without running it was taken over from a dead one.
        is_left = not left.is_parked and (left.owner == worker.id or worker.is_dead(left.owner, left.heartbeat_at))
        engine.duties.recovery.wake()
        db.session.rollback()
        engine.wait(lambda: id in engine.live or _is_free(engine, lane), ENDING_SECONDS if is_left else 0)
    return _is_free(engine, lane)


def _is_free(engine: Engine, lane: str) -> bool:
    # Each check is a read transaction of its own.
    with engine.in_app():
        return not active_ids(lane)


def active_generations(lane: str, column: int = 0) -> list[Generation]:
    """Returns the active generations of a lane, of which several can stand side by side, or that of one column."""
    query = select(Generation).where(Generation.lane == lane, WHILE_ACTIVE).order_by(Generation.column_number)
    return list(db.session.scalars(query.where(Generation.column_number == column) if column else query))


def refuse_if_busy(lane: str, column: int = 0) -> None:
    """Raises `Busy` if anything in the lane is active; for an answer in a column, only what is in that."""
    for running in active_generations(lane, column):
        raise Busy(BUSY, generation=running.id)


def refuse_if_running(lane: str) -> None:
    """Raises `Busy` like `refuse_if_busy`, but only for generations of this process; those of others are refused when stored."""
    for live in the_engine().live.values():
        if live.lane == lane and not live.run.is_saving:
            raise Busy(BUSY, generation=live.id)


def store_within_limits(
    engine: Engine, session: Session, generation: Generation, request: ModelRequest, *, character_id: str = ""
) -> None:
    """Stores a generation within the limit of its person or gateway.

    The person's row is locked, so that of two at a time the second counts the first. The gate is called last, as other
    transactions can be waiting for the rows it locks.
    """
    side_kinds = tuple(kind.name for kind in engine.kinds.values() if kind.is_side_request)
    # The one of a person at a gateway is counted in memory alone: their name is stored nowhere.
    allowance = engine.admission.requester.allowances(generation.user_id or "")[0]
    generation.gateway_id = allowance.gateway_id
    # `values_of` applies the defaults, which include the id.
    values = rows.values_of(generation)
    parameters = {**values, "whose": generation.user_id, "gateway": generation.gateway_id, "itself": values["id"]}
    others = _holding_slots(side_kinds).scalar(session, parameters) or 0
    rows.attach(session, generation)
    if allowance.at_once and generation.user_id and others >= allowance.at_once:
        engine.emit(Limited("concurrent"))
        raise TooMany(TOO_MANY_AT_ONCE.format(allowance.at_once), retry_after=5)
    engine.admission.gate.admit(session, generation, request, character_id)


def ladder(engine: Engine, request: ModelRequest, *, person: str = "", is_whole: bool = False, beats: float = 1.0) -> Ladder:
    """Returns the source of an answer, with all retries and fallbacks; with `is_whole` it does not stream.

    `person` is who asks: a connection of their own answers only them.
    """
    models = the_models()
    limits = AttemptLimits(
        first_byte=float(setting("stream.first_byte_seconds")),
        ladder=float(setting("stream.ladder_seconds")),
        total=float(setting("stream.total_seconds")),
        is_streaming=bool(setting("stream.enabled")) and not is_whole,
    )
    chain = providers().chain(request.model)
    # Whether this person is allowed the demo's answers was checked before it was queued.
    provided = ((model, providers().for_model(model, person=person, for_visitor=True, beats=beats)) for model in chain)
    rungs = [
        Rung(
            model,
            provider,
            providers().name_of(model),
            known.takes_schema,
            models.display_name(model),
            known.is_able("vision"),
            known.is_able("tools"),
            known.modalities,
            known.context_length,
        )
        for model, provider in provided
        for known in (models.known(model),)
    ]
    if request.must_call:
        # Text of a model that can't call is no answer to this request.
        rungs = [rung for rung in rungs if rung.takes_tools] or rungs
    return Ladder(
        request,
        rungs,
        limits,
        circuits=engine.circuits,
        signal=engine.signal,
        now=engine.now,
        jitter=random.random,
        emit=engine.emit,
        learn=partial(_learn, engine),
    )


def _learn(engine: Engine, model: str, tokens: int) -> None:
    with engine.in_app():
        contexts.learn(model, tokens)


def source(engine: Engine, request: ModelRequest, *, person: str = "", beats: float = 1.0) -> EventSource:
    """Returns the source of an answer where pictures are kept: a model that draws is asked for one."""
    if the_models().draws(request.model):
        return DrawingSource(engine, picture_request(request), person)
    return ladder(engine, request, person=person, beats=beats)


def page_beats(engine: Engine, lane: str) -> float:
    """Returns after how many beats each the text of an answer to a message typed on a page is read."""
    return PAGE_BEATS if engine.presence.count(lane) <= FEW_WATCHERS else CROWD_BEATS


@contextmanager
def recovering_if_not_started(engine: Engine) -> Iterator[None]:
    """Surrounds the storing and starting of a generation: if that fails, the recovery settles what was stored but never ran.

    The source is made before the commit, so that a model that is not available leaves nothing stored.
    """
    engine.begin()
    engine.admission.gate.prepare()
    with engine.recovering_on_failure():
        yield


def start(engine: Engine, generation: Generation, source: EventSource, entries: Sequence[Entry] = ()) -> None:
    """Starts a committed generation, after these entries of its log if it was parked; returns immediately."""
    id = generation.id
    engine.start(generation, source, lambda run, outcome: ends.save(engine, id, run, outcome), entries)


def begin(person: str, lanes: Sequence[str], store: Callable[[Session], Sequence[tuple[Generation, EventSource]]]) -> bool:
    """Stores a person's generations in one transaction, each in its lane, and starts them; returns whether there are any.

    A lane is empty for what `store` makes first. If another request was first, this one is refused with what runs there.
    """
    engine = the_engine()
    with ExitStack() as stack:
        for lane in lanes:
            stack.enter_context(engine.admission.slot(person, lane=lane))
        stack.enter_context(recovering_if_not_started(engine))
        try:
            with write() as session:
                stored = store(session)
        except IntegrityError as error:
            for lane in lanes:
                refuse_if_busy(lane)
            raise Conflict(JUST_CHANGED) from error
        for generation, source in stored:
            start(engine, generation, source)
    return bool(stored)


def resume(engine: Engine, generation: Generation) -> bool:
    """Runs a parked generation again, on its own log; returns False if it isn't parked any more."""
    id, make_source = generation.id, engine.kinds[generation.kind].resume
    assert make_source, f"{generation.kind} never waits"
    entries = journal.entries_of(db.session(), id)
    # Before it is claimed: a model that is not available leaves it parked.
    transcript = Transcript.of(entries)
    source = make_source(generation, transcript)
    with recovering_if_not_started(engine):
        with write() as session:
            if not ownership.claim_parked(session, id, engine.worker.id):
                return False
            row = session.get_one(Generation, id, populate_existing=True)
            engine.admission.gate.readmit(session, row, transcript)
        start(engine, row, source, entries)
    return True


def stop(generation: Generation, *, reason: str = "user") -> None:
    """Stores a request to stop, and stops the generation immediately if it runs in this process; idempotent.

    One that is parked is left to the recovery, which ends it.
    """
    engine, id = the_engine(), generation.id
    if live := engine.live.get(id):
        # First, so that no more tokens are paid for even if the database is unavailable at the moment.
        live.run.stop.request("user")
    try:
        with write() as session:
            session.execute(
                update(Generation)
                .where(Generation.id == id, Generation.status.in_(ACTIVE), Generation.stop_requested_at.is_(None))
                .values(
                    stop_requested_at=utc_now(),
                    reason=reason,
                    status=case((Generation.status == WAITING, "queued"), else_=Generation.status),
                )
                .execution_options(synchronize_session=False)
            )
    except (Unavailable, SQLAlchemyError):
        # The run stops anyway, and saves its end as soon as the database works.
        if not live:
            raise
    if not live:
        # In case its worker has died.
        engine.duties.recovery.wake()


def stop_and_wait(*generations: Generation) -> None:
    """Stops generations and waits a moment until their ends are saved; it does not wait for the provider."""
    engine, ids = the_engine(), [generation.id for generation in generations]
    for generation in generations:
        stop(generation)
    # Releases the database connection while waiting.
    db.session.rollback()
    engine.wait(lambda: not any(is_running(engine, id) for id in ids), ENDING_SECONDS if ids else 0)


def is_running(engine: Engine, id: str) -> bool:
    """Returns whether it has not ended, in this or in another worker."""
    if id in engine.live:
        return True
    with engine.in_app():
        return db.session.scalar(select(Generation.status).where(Generation.id == id)) in ACTIVE


def queue(session: Session, **values: Any) -> Generation:
    """Stores a generation that is to be started once the transaction is committed."""
    generation = Generation(**values)
    # Not attached to the session: nothing queries it there.
    rows.store(session, generation)
    return generation


@cache
def _holding_slots(side_kinds: tuple[str, ...]) -> Prepared:
    """Inserts a generation and returns how many others its person has active, not counting those of the kinds `side_kinds`."""
    other = aliased(rows.table(Generation))
    is_other = other.c.id != bindparam("itself"), other.c.kind.not_in(_literally(side_kinds))
    # For its index, whose condition must be repeated; one that is parked holds no slot.
    is_active = other.c.status.in_(_literally(ACTIVE)) & other.c.status.in_(_literally(RUNNING))
    is_own = among_active(other.c.user_id) == bindparam("whose"), other.c.gateway_id == bindparam("gateway")
    others = select(func.count()).where(is_active, *is_own, *is_other)
    return Prepared(insert(rows.table(Generation)).returning(others.scalar_subquery()))


def _literally(words: Iterable[str]) -> list[ColumnElement[str]]:
    """Embeds our own constants as literals, as a bound list makes SQLAlchemy build the statement again for each use."""
    return [literal_column(f"'{word}'") for word in words]
