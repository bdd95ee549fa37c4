"""The event streams of plans' generations, with any encoder, for the plans' owner."""

from collections.abc import Sequence

from flask import Response

from webapp.api import access
from webapp.api.streaming.encoding import Encoder
from webapp.api.streaming.feed import GenerationFeed
from webapp.api.streaming.streams import events
from webapp.engine.engine import Engine, the_engine
from webapp.engine.tables import Generation
from webapp.engine.watching.watchers import Context, same_request, watcher
from webapp.plans import queries
from webapp.plans.tables import Plan
from webapp.streaming.events import Notice


class SeveralFeeds:
    """The feeds of several plans on one connection, which ends after the last of them. Its reader is present at each plan."""

    def __init__(self, engine: Engine, feeds: Sequence[GenerationFeed]) -> None:
        self._engine, self._feeds = engine, feeds
        self.lane, self._others, self._has_arrived = feeds[0].lane, [feed.lane for feed in feeds[1:]], False

    @property
    def has_ended(self) -> bool:
        return not self._running()

    def topics(self) -> dict[str, int]:
        return {topic: after for feed in self._running() for topic, after in feed.topics().items()}

    def news(self) -> list[bytes]:
        self._arrive()
        return [line for feed in self._running() for line in feed.news()]

    def quick_news(self) -> bytes:
        # Of several plans, one often has more than text.
        return b""

    def beat(self) -> list[bytes]:
        return [line for feed in self._running() for line in feed.beat()]

    def disconnected(self, why: Notice) -> list[bytes]:
        return [line for feed in self._running() for line in feed.disconnected(why)]

    def leave(self) -> None:
        """Ends the presence at the other plans; the connection itself counts as present at the first."""
        if self._has_arrived:
            for lane in self._others:
                self._engine.presence.leave(lane)

    def _arrive(self) -> None:
        # Only once the stream runs: one that never starts doesn't call `leave` either.
        if not self._has_arrived:
            self._has_arrived = True
            for lane in self._others:
                self._engine.presence.arrive(lane)

    def _running(self) -> list[GenerationFeed]:
        return [feed for feed in self._feeds if not feed.has_ended]


def plan_stream(plan: Plan, generation: Generation, encoder: Encoder, *, after: int = 0) -> Response:
    """Streams a plan's generation from the position `after` until its end."""
    feed = GenerationFeed(the_engine(), generation, encoder, after=after)
    response = events(feed, watcher(access.caller().id, same_request(), _may_read_plan, plan.id))
    response.headers["X-Stream-Id"], response.headers["X-Plan-Id"] = generation.id, plan.id
    return response


def plans_stream(generations: Sequence[tuple[Generation, Encoder]]) -> Response:
    """Streams the generations of several plans from their beginning until the last one ends."""
    engine = the_engine()
    feed = SeveralFeeds(engine, [GenerationFeed(engine, generation, encoder) for generation, encoder in generations])
    return events(feed, watcher(access.caller().id, same_request(), _may_read, access.caller().id), leave=feed.leave)


def _may_read_plan(context: Context, plan_id: str) -> bool:
    with context():
        caller = access.caller_of_stream()
        return caller is not None and access.may("plans") and queries.own_plan(caller.user.id, plan_id) is not None


def _may_read(context: Context, owner_id: str) -> bool:
    with context():
        caller = access.caller_of_stream()
        return caller is not None and caller.user.id == owner_id and access.may("plans")
