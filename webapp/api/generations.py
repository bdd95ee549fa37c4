"""/api/v1/generations: how an answer comes about, read from any position, stopped, continued."""

from typing import Any

from flask import Blueprint, Response, request

from webapp.api import told
from webapp.api.access import caller, caller_or_none, check, may
from webapp.api.encoders.canonical import CanonicalEncoder
from webapp.api.events import EVENTS
from webapp.api.feed import END
from webapp.api.messages import STARTS, begun
from webapp.api.operations import operation
from webapp.api.plan_stream import plan_stream
from webapp.api.schemas.chats import Sent
from webapp.api.schemas.generations import EventsQuery, GenerationAnswer
from webapp.api.stream import has_all, last_position, stream
from webapp.chat import service
from webapp.chat.access import visible_message, writable_generation
from webapp.chat.tables import Message
from webapp.extensions import db
from webapp.generations import service as generations
from webapp.generations.engine import the_engine
from webapp.generations.tables import Generation
from webapp.plans.queries import plan_of
from webapp.plans.tables import Plan
from webapp.web.guards import found
from webapp.web.watch import LOST

bp = Blueprint("api_generations", __name__, url_prefix="/api/v1/generations")


def chat_of(names: dict[str, Any]) -> str:
    generation = db.session.get(Generation, names["id"])
    return generation.chat_id if generation else ""


@bp.get("/<id>")
@operation("Show a generation", scope="read", answer=GenerationAnswer)
def show(id: str) -> GenerationAnswer:
    return told.generation(_visible(id))


@bp.get("/<id>/events")
@operation(
    "Read an answer as events, from any position, while it is written and afterwards",
    scope="read",
    # Of a plan: what a token for plans begins, it may watch. Whose it is, and whether it is one, is asked below.
    also="plans",
    query=EventsQuery,
    stream=EVENTS,
    # A visitor's cookie goes along, and whose answer it is is asked below.
    visitors=True,
    ticket=chat_of,
    others=((204, "Everything has been read, or another reader has taken the place: an EventSource stays away.", None),),
)
def events(id: str, query: EventsQuery) -> Response:
    generation, plan, after = *_readable(id), last_position()
    if request.headers.get("Last-Event-ID") in (END, LOST) or has_all(generation, after):
        return Response(status=204)
    if plan:
        return plan_stream(plan, generation, CanonicalEncoder(), after=after)
    return stream(generation, CanonicalEncoder(), after=after)


@bp.post("/<id>/stop")
@operation("Stop an answer and keep its text; twice is as good as once", scope="chat", answer=GenerationAnswer)
def stop(id: str) -> GenerationAnswer:
    generations.stop(the_engine(), writable_generation(id))
    return told.generation(writable_generation(id))


@bp.post("/<id>/continue")
@operation("Go on with an answer that was cut, in the same message", **STARTS)
def go_on(id: str) -> Sent | Response:
    message = found(db.session.get(Message, writable_generation(id).message_id))
    return begun(service.go_on(message, by=caller().id, must_be_cut=True))


def _readable(id: str) -> tuple[Generation, Plan | None]:
    """A generation whose events the caller may read, with the plan that it writes if it does."""
    generation = db.session.get(Generation, id)
    if generation is None or generation.kind != "plan":
        if caller_or_none():
            check("read")
        return _visible(id), None
    me, plan = caller(), plan_of(generation)
    is_theirs = plan is not None and plan.owner_id == me.id and may("plans")
    return generation, found(plan if is_theirs else None)


def _visible(id: str) -> Generation:
    generation = db.session.get(Generation, id)
    visible_message((generation.message_id if generation else None) or "")
    return found(generation)
