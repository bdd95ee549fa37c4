"""The stream of a plan's generation, by whichever encoder: for whom it is made, and for admins who have it made."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial

from flask import Response, current_app, request

from webapp.api import access
from webapp.api.access import caller
from webapp.api.encoders.base import Encoder
from webapp.api.feed import GenerationFeed
from webapp.api.stream import events
from webapp.generations.engine import the_engine
from webapp.generations.tables import Generation
from webapp.plans import queries
from webapp.plans.tables import Plan
from webapp.settings.service import setting
from webapp.web.watch import Watcher


def plan_stream(plan: Plan, generation: Generation, encoder: Encoder, *, after: int = 0) -> Response:
    """One generation of a plan from behind a position, until its end."""
    response = events(GenerationFeed(the_engine(), generation, encoder, after=after), _watcher_of(plan))
    response.headers["X-Stream-Id"], response.headers["X-Plan-Id"] = generation.id, plan.id
    return response


def _watcher_of(plan: Plan) -> Watcher:
    context = partial(access.again, current_app._get_current_object(), request.environ)  # type: ignore[attr-defined]
    return Watcher(
        person=caller().id,
        per_lane=setting("limits.sse_per_chat"),
        in_all=setting("limits.sse_per_user"),
        is_allowed=partial(_is_allowed, context, plan.id, plan.owner_id),
    )


def _is_allowed(context: Callable[[], AbstractContextManager[object]], plan_id: str, owner_id: str) -> bool:
    with context():
        known = access.caller_or_none()
        is_for_them = known is not None and (known.user.id == owner_id or access.may("admin"))
        return is_for_them and access.may("plans") and queries.own_plan(owner_id, plan_id) is not None
