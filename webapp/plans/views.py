"""The pages of plans: the list, the form for a new one, a plan with its event stream, and the actions on it."""

from typing import Any

from flask import Blueprint, Response, request, url_for

from webapp.base.errors import AppError
from webapp.engine.engine import the_engine
from webapp.engine.watching.views import list_url
from webapp.people.accounts.guards import found, signed_in
from webapp.plans import content, plan_types, queries, service, shown
from webapp.plans.access import own_plan, planner
from webapp.plans.fields import typed, typed_single
from webapp.plans.forms import ModelForm
from webapp.plans.pages import form_page, plan_page, stream
from webapp.plans.parts import Editing
from webapp.plans.plan_types import Type
from webapp.plans.schema import at, value_at
from webapp.plans.tables import Plan
from webapp.plans.validation import Rejected
from webapp.web.htmx import done, redirect, render, wants_json

bp = Blueprint("plans", __name__)
PAGE = 50


@bp.get("/plans")
@signed_in
def index() -> Response:
    me, before = planner(), request.args.get("before", "")
    events_url = list_url("plans")
    plans = [shown.listed(the_engine(), each) for each in queries.plans_of(me.id, before=before, limit=PAGE + 1)]
    return render(
        "plans/list.html",
        types=plan_types.all_types(),
        plans=plans[:PAGE],
        events_url="" if before else events_url,
        next_url=url_for("plans.index", before=plans[PAGE - 1].id) if len(plans) > PAGE else "",
        is_running=any(plan.is_running for plan in plans),
    )


@bp.get("/plans/new")
@signed_in
def new() -> Response:
    me, type = planner(), plan_types.get(request.args.get("type", "monthly"))
    if again_of := request.args.get("from", ""):
        plan = found(queries.own_plan(me.id, again_of))
        return form_page(type, dict(queries.inputs_of(plan).values), {}, again_of=plan.id)
    return form_page(type, type.sample if "sample" in request.args else {}, {})


@bp.post("/plans")
@signed_in
def create() -> Response:
    me, form = planner(), request.form
    type, again_of = plan_types.get(form.get("type", "")), form.get("again_of", "")
    values = typed(type.inputs, form.to_dict(flat=False), None)
    earlier = queries.own_plan(me.id, again_of) if again_of else None
    again_id, of_model = earlier.id if earlier else None, ModelForm.offering(is_sent=True)
    try:
        inputs = service.submit(me, type.slug, values)
        plan = service.make(inputs, model=of_model.model.chosen, again_of=again_id)
    except AppError as refusal:
        return _refused(type, refusal, values, of_model)
    return redirect(url_for("plans.show", id=plan.id))


@bp.get("/plans/examples/<type>")
@signed_in
def example(type: str) -> Response:
    planner()
    found_type = plan_types.get(type)
    written = found(found_type.example)
    inputs = found_type.filled(found_type.sample)
    return render("plans/example.html", type=found_type, plan=shown.of(found_type.about, written, inputs))


@bp.get("/plans/<id>")
@signed_in
def show(id: str) -> Response:
    plan, editing = own_plan(id), request.args.get("edit", "")
    is_possible = not plan.is_running and value_at(plan.content, editing) is not None and at(plan.schema, editing)
    is_streamed = request.args.get("stream") != "no"
    return plan_page(plan, planner(), editing=Editing(editing) if is_possible else None, is_streamed=is_streamed)


@bp.get("/plans/<id>/events")
@signed_in
def events(id: str) -> Response:
    return stream(own_plan(id), planner())


@bp.post("/plans/<id>/parts/<place>")
@signed_in
def save(id: str, place: str) -> Response:
    plan = own_plan(id)
    part, before = found(at(plan.schema, place)), found(value_at(plan.content, place))
    new = typed_single(part, request.form.to_dict(flat=False), before)
    try:
        content.edit(plan, place, new)
    except Rejected as refusal:
        return plan_page(own_plan(id), planner(), editing=Editing(place, refusal.places, new), status=422)
    return redirect(_page(plan, place))


@bp.post("/plans/<id>/parts/<place>/again")
@signed_in
def again_at(id: str, place: str) -> Response:
    return done(_page(service.again_at(own_plan(id), place), place))


@bp.post("/plans/<id>/tick/<place>")
@signed_in
def tick(id: str, place: str) -> Response:
    plan = own_plan(id)
    content.tick(plan, place)
    return done(_page(plan, ".".join(place.split(".")[:2])))


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
    content.accept(plan)
    return done(_page(plan))


@bp.post("/plans/<id>/start-again")
@signed_in
def start_again(id: str) -> Response:
    return redirect(url_for("plans.show", id=service.start_again(own_plan(id)).id))


@bp.post("/plans/<id>/rate")
@signed_in
def rate(id: str) -> Response:
    plan = own_plan(id)
    content.rate(plan, {"up": True, "down": False}.get(request.form.get("thumb", "")))
    return done(_page(plan))


@bp.post("/plans/<id>/delete")
@signed_in
def delete(id: str) -> Response:
    content.delete(own_plan(id))
    return redirect(url_for("plans.index"))


def _refused(type: Type, refusal: AppError, values: dict[str, Any], of_model: ModelForm) -> Response:
    """Renders the form with the submitted values and the reason for the refusal."""
    if wants_json():
        raise refusal
    errors = refusal.fields if isinstance(refusal, Rejected) else {refusal.field: refusal.message}
    again_of = request.form.get("again_of", "")
    response = form_page(type, values, errors, of_model=of_model, again_of=again_of, status=refusal.status)
    if refusal.retry_after:
        response.headers["Retry-After"] = str(refusal.retry_after)
    return response


def _page(plan: Plan, place: str = "") -> str:
    return url_for("plans.show", id=plan.id, _anchor="part-" + place.replace(".", "-") if place else None)
