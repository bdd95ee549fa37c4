"""The pages of plans and their event streams; each stream begins at the position of its page."""

from collections.abc import Mapping
from typing import Any

from flask import Response, url_for

from webapp.base import topic_names
from webapp.base.db import utc_now
from webapp.base.ids import new_id
from webapp.engine.engine import the_engine
from webapp.engine.watching import watchers
from webapp.engine.watching.watcher_loop import watch
from webapp.engine.watching.watchers import Context
from webapp.people.accounts.guards import user_or_none
from webapp.people.accounts.tables import User
from webapp.plans import queries, shown
from webapp.plans.feed import PlanFeed, PlanPosition
from webapp.plans.fields import form
from webapp.plans.forms import ModelForm
from webapp.plans.parts import Editing
from webapp.plans.plan_types import Type
from webapp.plans.schema import defaults
from webapp.plans.tables import Plan
from webapp.web.htmx import render

Errors = Mapping[str, str]


def plan_page(plan: Plan, me: User, *, editing: Editing | None = None, is_streamed: bool = True, status: int = 200) -> Response:
    """Renders a plan. Its position is read before the rows, so that no change is lost between the page and its stream."""
    engine, lane = the_engine(), plan.lane
    seq, sidebar = engine.topics.last(lane), engine.topics.last(topic_names.of_person(me.id))
    engine.presence.seen(lane)
    found = shown.plan(engine, plan, queries.generation_of(plan), queries.inputs_of(plan).values, editing=editing)
    position = PlanPosition(engine.topics.epoch, seq, sidebar, found.generation_id, found.cursor)
    return render(
        "plans/show.html",
        status=status,
        plan=found,
        # No stream while a form is open: an update would replace it.
        events_url=url_for("plans.events", id=plan.id, at=str(position)) if is_streamed and not editing else "",
        # A different URL each time: for the same one, browsers only jump within the page.
        refresh_url=url_for("plans.show", id=plan.id, at=new_id()[:10], stream=None if is_streamed else "no"),
        is_streamed=is_streamed,
    )


def form_page(
    type: Type,
    values: dict[str, Any],
    errors: Errors,
    *,
    of_model: ModelForm | None = None,
    again_of: str = "",
    status: int = 200,
) -> Response:
    """Renders the form of a plan type, with the values entered so far."""
    return render(
        "plans/new.html",
        status=status,
        type=type,
        fields=form(type.inputs, {**defaults(type.inputs, utc_now().date()), **values}, errors),
        errors=errors,
        again_of=again_of,
        of_model=of_model or ModelForm.offering(),
    )


def stream(plan: Plan, me: User) -> Response:
    """Streams everything that happens to a plan after the page's position."""
    context = watchers.same_request()
    feed = PlanFeed(the_engine(), plan.id, me.id, PlanPosition.parse(watchers.position()), context)
    return watch(feed, watchers.watcher(me.id, context, _is_theirs, plan.id, me.id))


def _is_theirs(context: Context, plan_id: str, id: str) -> bool:
    with context():
        user = user_or_none()
        return user is not None and user.id == id and queries.own_plan(id, plan_id) is not None
