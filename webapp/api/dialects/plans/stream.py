"""The event stream of a plan's generation, with any encoder, for the plan's owner and for admins."""

from flask import Response

from webapp.api import access
from webapp.api.access import caller
from webapp.api.dialects.encoding import Encoder
from webapp.api.feed import GenerationFeed
from webapp.api.streams import events
from webapp.engine.engine import the_engine
from webapp.engine.tables import Generation
from webapp.live.watchers import Context, same_request, watcher
from webapp.plans import queries
from webapp.plans.tables import Plan


def plan_stream(plan: Plan, generation: Generation, encoder: Encoder, *, after: int = 0) -> Response:
    """Streams a plan's generation from the position `after` until its end."""
    feed = GenerationFeed(the_engine(), generation, encoder, after=after)
    response = events(feed, watcher(caller().id, same_request(), _is_allowed, plan.id, plan.owner_id))
    response.headers["X-Stream-Id"], response.headers["X-Plan-Id"] = generation.id, plan.id
    return response


def _is_allowed(context: Context, plan_id: str, owner_id: str) -> bool:
    with context():
        known = access.caller_or_none()
        is_for_them = known is not None and (known.user.id == owner_id or access.may("admin"))
        return is_for_them and access.may("plans") and queries.own_plan(owner_id, plan_id) is not None
