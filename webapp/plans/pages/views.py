"""The pages of plans: the list, the form for a new one, a plan with its event stream, and the actions on it."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Self

from flask import Blueprint, Response, request, url_for

from webapp.base import topic_names
from webapp.base.db import utc_now
from webapp.base.errors import AppError
from webapp.base.ids import new_id
from webapp.engine.engine import the_engine
from webapp.engine.watching import watchers
from webapp.engine.watching.lane_feed import LanePosition
from webapp.engine.watching.views import list_url
from webapp.engine.watching.watcher_loop import watch
from webapp.models.connections.models import candidates, the_models
from webapp.people.accounts.guards import current_user, found, signed_in, user_or_none
from webapp.people.accounts.tables import User
from webapp.plans import export, queries
from webapp.plans.pages import shown
from webapp.plans.pages.feed import PlanFeed
from webapp.plans.pages.fields import form, typed, typed_single
from webapp.plans.pages.parts import Editing
from webapp.plans.tables import Plan
from webapp.plans.types import service as plan_type_service
from webapp.plans.types.schema import at, defaults, value_at
from webapp.plans.types.validation import Rejected
from webapp.plans.writing import service
from webapp.rendering.difference import difference
from webapp.web.downloads import download, file_name
from webapp.web.forms import Form
from webapp.web.htmx import done, redirect, render, wants_json
from webapp.web.pick_field import PickField

Errors = Mapping[str, str]
bp = Blueprint("plans", __name__)
PAGE = 50
files = Blueprint("plan_files", __name__)


class PlanModelForm(Form):
    model = PickField("Model", id="plan-model", choices=[], validate_choice=False, default="")

    @classmethod
    def offering(cls, *, is_sent: bool = False) -> Self:
        """Returns the form as submitted, or with the person's default model."""
        me = user_or_none()
        form = cls.opened() if is_sent else cls.fresh(model=the_models().default(me.default_model, me.id) if me else "")
        form.model.offering(partial(candidates, person=me.id if me else ""))
        return form


def own_plan(id: str) -> Plan:
    return found(queries.own_plan(current_user().id, id))


@bp.get("/plans")
@signed_in
def index() -> Response:
    me, before = current_user(), request.args.get("before", "")
    events_url = list_url("plans")
    plans = [shown.listed(the_engine(), plan) for plan in queries.plans_of(me.id, before=before, limit=PAGE + 1)]
    return render(
        "plans/list.html",
        types=plan_type_service.all_types(),
        plans=plans[:PAGE],
        events_url="" if before else events_url,
        next_url=url_for("plans.index", before=plans[PAGE - 1].id) if len(plans) > PAGE else "",
        is_running=any(plan.is_running for plan in plans),
    )


@bp.get("/plans/new")
@signed_in
def new() -> Response:
    me, type = current_user(), plan_type_service.get(request.args.get("type", "monthly"))
    if again_of := request.args.get("from", ""):
        plan = found(queries.own_plan(me.id, again_of))
        return _form_page(type, dict(queries.inputs_of(plan).values), {}, again_of=plan.id)
    return _form_page(type, type.sample if "sample" in request.args else {}, {})


@bp.post("/plans")
@signed_in
def create() -> Response:
    me, form = current_user(), request.form
    type, again_of = plan_type_service.get(form.get("type", "")), form.get("again_of", "")
    values = typed(type.inputs, form.to_dict(flat=False), None)
    earlier = queries.own_plan(me.id, again_of) if again_of else None
    again_id, of_model = earlier.id if earlier else None, PlanModelForm.offering(is_sent=True)
    try:
        inputs = service.submit(me, type.slug, values)
        plan = service.make(inputs, model=of_model.model.chosen, again_of=again_id)
    except AppError as refusal:
        return _refused(type, refusal, values, of_model)
    return redirect(url_for("plans.show", id=plan.id))


@bp.get("/plans/examples/<type>")
@signed_in
def example(type: str) -> Response:
    plan_type = plan_type_service.get(type)
    written = found(plan_type.example)
    inputs = plan_type.filled(plan_type.sample)
    return render("plans/example.html", type=plan_type, plan=shown.from_content(plan_type.about, written, inputs))


@bp.get("/plans/<id>")
@signed_in
def show(id: str) -> Response:
    plan, editing = own_plan(id), request.args.get("edit", "")
    is_possible = not plan.is_running and value_at(plan.content, editing) is not None and at(plan.schema, editing)
    is_streamed = request.args.get("stream") != "no"
    return _plan_page(plan, current_user(), editing=Editing(editing) if is_possible else None, is_streamed=is_streamed)


@bp.get("/plans/<id>/events")
@signed_in
def events(id: str) -> Response:
    return _stream(own_plan(id), current_user())


@bp.post("/plans/<id>/parts/<path>")
@signed_in
def save(id: str, path: str) -> Response:
    plan = own_plan(id)
    part, before = found(at(plan.schema, path)), found(value_at(plan.content, path))
    new = typed_single(part, request.form.to_dict(flat=False), before)
    try:
        service.edit(plan, path, new)
    except Rejected as refusal:
        return _plan_page(own_plan(id), current_user(), editing=Editing(path, refusal.paths, new), status=422)
    return redirect(_page(plan, path))


@bp.post("/plans/<id>/parts/<path>/again")
@signed_in
def again_at(id: str, path: str) -> Response:
    return done(_page(service.again_at(own_plan(id), path), path))


@bp.post("/plans/<id>/tick/<path>")
@signed_in
def tick(id: str, path: str) -> Response:
    plan = own_plan(id)
    service.tick(plan, path)
    return done(_page(plan, ".".join(path.split(".")[:2])))


@bp.post("/plans/<id>/stop")
@signed_in
def stop(id: str) -> Response:
    plan = own_plan(id)
    service.stop(plan)
    return done(_page(plan))


@bp.post("/plans/<id>/finish")
@signed_in
def finish(id: str) -> Response:
    return done(_page(service.finish_it(own_plan(id), is_whole=request.form.get("stream") == "no")))


@bp.post("/plans/<id>/keep")
@signed_in
def keep(id: str) -> Response:
    plan = own_plan(id)
    service.accept(plan)
    return done(_page(plan))


@bp.post("/plans/<id>/start-again")
@signed_in
def start_again(id: str) -> Response:
    return redirect(url_for("plans.show", id=service.start_again(own_plan(id)).id))


@bp.post("/plans/<id>/rate")
@signed_in
def rate(id: str) -> Response:
    plan = own_plan(id)
    service.rate(plan, {"up": True, "down": False}.get(request.form.get("thumb", "")))
    return done(_page(plan))


@bp.post("/plans/<id>/delete")
@signed_in
def delete(id: str) -> Response:
    service.delete(own_plan(id))
    return redirect(url_for("plans.index"))


def _refused(type: plan_type_service.Type, refusal: AppError, values: dict[str, Any], of_model: PlanModelForm) -> Response:
    """Renders the form with the submitted values and the reason for the refusal."""
    if wants_json():
        raise refusal
    errors = refusal.fields if isinstance(refusal, Rejected) else {refusal.field: refusal.message}
    again_of = request.form.get("again_of", "")
    response = _form_page(type, values, errors, of_model=of_model, again_of=again_of, status=refusal.status)
    if refusal.retry_after:
        response.headers["Retry-After"] = str(refusal.retry_after)
    return response


def _page(plan: Plan, path: str = "") -> str:
    return url_for("plans.show", id=plan.id, _anchor="part-" + path.replace(".", "-") if path else None)


@files.get("/plans/<id>.md")
@signed_in
def markdown(id: str) -> Response:
    return _file(own_plan(id), _text(own_plan(id)), "md", "text/markdown")


@files.get("/plans/<id>.json")
@signed_in
def json(id: str) -> Response:
    plan = own_plan(id)
    return _file(plan, export.as_json(plan.content), "json", "application/json")


@files.get("/plans/<id>.ics")
@signed_in
def calendar(id: str) -> Response:
    plan = own_plan(id)
    text = export.as_calendar(plan.id, plan.title, plan.about, plan.content, queries.inputs_of(plan).values, now=utc_now())
    return _file(plan, text, "ics", "text/calendar")


@files.get("/plans/<id>/changes")
@signed_in
def changes(id: str) -> Response:
    """Compares a plan with the earlier plan it was started again from."""
    plan = own_plan(id)
    before = found(queries.own_plan(current_user().id, plan.again_of_id or ""))
    return render("plans/changes.html", plan=plan, before=before, lines=difference(_text(before), _text(plan)))


def _text(plan: Plan) -> str:
    return export.as_markdown(plan.title, plan.schema, plan.content, frozenset(plan.ticked))


def _file(plan: Plan, text: str, ending: str, kind: str) -> Response:
    return download(text, file_name(plan.title, ending, otherwise="plan"), kind)


def _plan_page(plan: Plan, me: User, *, editing: Editing | None = None, is_streamed: bool = True, status: int = 200) -> Response:
    """Renders a plan. Its position is read before the rows, so that no change is lost between the page and its stream."""
    engine, lane = the_engine(), plan.lane
    topics = engine.logs.topics
    seq, sidebar = topics.last(lane), tuple(map(topics.last, topic_names.for_person(me.id)))
    engine.presence.seen(lane)
    shown_plan = shown.plan(engine, plan, queries.generation_of(plan), queries.inputs_of(plan).values, editing=editing)
    position = LanePosition(topics.epoch, seq, sidebar, shown_plan.generation_id, shown_plan.cursor)
    return render(
        "plans/show.html",
        status=status,
        plan=shown_plan,
        # No stream while a form is open: an update would replace it.
        events_url=url_for("plans.events", id=plan.id, at=str(position)) if is_streamed and not editing else "",
        # A different URL each time: for the same one, browsers only jump within the page.
        refresh_url=url_for("plans.show", id=plan.id, at=new_id()[:10], stream=None if is_streamed else "no"),
        is_streamed=is_streamed,
    )


def _form_page(
    type: plan_type_service.Type,
    values: dict[str, Any],
    errors: Errors,
    *,
    of_model: PlanModelForm | None = None,
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
        of_model=of_model or PlanModelForm.offering(),
    )


def _stream(plan: Plan, me: User) -> Response:
    """Streams everything that happens to a plan after the page's position."""
    context = watchers.same_request()
    feed = PlanFeed(the_engine(), plan.id, me.id, LanePosition.parse(watchers.position()), context)
    return watch(feed, watchers.watcher(me.id, context, _is_theirs, plan.id, me.id))


def _is_theirs(context: watchers.Context, plan_id: str, id: str) -> bool:
    with context():
        user = user_or_none()
        return user is not None and user.id == id and queries.own_plan(id, plan_id) is not None
