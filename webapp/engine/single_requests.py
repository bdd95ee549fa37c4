"""Requests to models for something other than text, such as speech: asked for once, and waited for.

Each is a generation, so it appears in *Usage*, counts towards budgets and has a timeout.
It is stopped when its client disconnects.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from webapp.base.db import db, write
from webapp.base.errors import AppError, Invalid, Unavailable
from webapp.base.ids import new_id
from webapp.engine import generations
from webapp.engine.engine import Engine, the_engine
from webapp.engine.ladder import Attempt
from webapp.engine.tables import Generation
from webapp.models.connections.cache import the_connections
from webapp.models.providers.base import ModelRequest, ProviderError, Turn
from webapp.streaming.events import Ended, Event, Started, Usage
from webapp.streaming.stop import Stop

LATE = "The model didn't answer in time."
LEFT = "Nobody waited for the reply."
# Calls a function when the client disconnects, and yields another one that returns whether it has.
Leaving = Callable[[Callable[[], object]], AbstractContextManager[Callable[[], bool]]]


class SingleReply(Protocol):
    @property
    def usage(self) -> Usage: ...


R = TypeVar("R", bound=SingleReply)


@dataclass(frozen=True, slots=True)
class SingleRequest(Generic[R]):
    """A request by a person: `purpose` is its kind; `ask` waits for the reply.

    Its budget is estimated from `text` and, for what is no text, `other_tokens`.
    """

    purpose: str
    model: str
    provider: str
    person: str
    text: str
    ask: Callable[[Stop], R]
    other_tokens: int = 0


def refusal(failure: ProviderError, *, field: str) -> AppError:
    """Returns the error for a person whose request has failed; `field` has what a provider calls invalid."""
    if failure.code == "invalid":
        return Invalid(failure.message, field=field)
    return Unavailable(failure.message, retry_after=int(failure.retry_after or 0))


class RequestSource(Generic[R]):
    """A `Run`'s source of events for one request; once `is_over` is set, `reply` or `failure` holds its result."""

    is_between = False

    def __init__(self, engine: Engine, request: SingleRequest[R]) -> None:
        self._request, self._now, self.is_over = request, engine.now, engine.signal()
        self.reply: R | None = None
        self.failure = ProviderError("stall", LATE, retryable=True)

    def events(self, stop: Stop) -> Iterator[Event]:
        model, provider, began = self._request.model, self._request.provider, self._now()
        try:
            yield Started(model, provider, provider == "demo")
            reply = self._request.ask(stop)
            yield reply.usage
            self.reply = reply
            yield Ended("completed", "stop")
        except ProviderError as error:
            self.failure = error
            yield Attempt(model, "whole", round(self._now() - began, 2), error.code, str(error)).as_notice()
            raise
        finally:
            self.is_over.set()

    def check_timeout(self) -> str:
        return ""


def replied(request: SingleRequest[R], *, seconds: float, leaving: Leaving | None = None) -> R:
    """Returns the reply; raises `ProviderError`, or the reason why the request is not allowed.

    The request is stopped after so many seconds, or when the client disconnects: by default that of the current request.
    """
    engine, id = the_engine(), new_id()
    source = RequestSource(engine, request)
    with generations.recovering_if_not_started(engine):
        with write(keeps_loaded=True) as session:
            values = {"kind": request.purpose, "lane": f"{request.purpose}:{id}", "user_id": request.person}
            slug = the_connections().slug_of(request.model)
            generation: Generation = generations.queue(
                session, id=id, connection=slug, owner=engine.worker.id, model_asked=request.model, **values
            )
            estimate = ModelRequest(request.model, (Turn("user", request.text),), max_tokens=1, other_tokens=request.other_tokens)
            engine.admission.gate.admit(session, generation, estimate, "")
        generations.start(engine, generation, source)
    # Holds no database connection while it waits.
    db.session.rollback()
    with (leaving or engine.admission.requester.leaving)(source.is_over.set) as has_left:
        source.is_over.wait(seconds)
    if source.reply is None and (live := engine.live.get(id)):
        live.run.stop.request("client_gone")
    if source.reply is not None:
        return source.reply
    raise ProviderError("cut", LEFT) if has_left() else source.failure
