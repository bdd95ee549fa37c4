"""/schedules: what runs at a time, its form with a preview, and its runs."""

from typing import Any

from flask import Blueprint, Response, request, url_for

from webapp.chat.record.queries import own_chats
from webapp.chat.record.tables import Chat
from webapp.operations.schedules import queries, service, shown
from webapp.operations.schedules.forms import ScheduleForm
from webapp.operations.schedules.rules import BadRule, zone_of
from webapp.operations.schedules.tables import Schedule
from webapp.people.accounts.guards import current_user, found, signed_in
from webapp.settings.service import setting
from webapp.web.htmx import done_message, redirect, render
from webapp.workspace.home.greeting import COOKIE

bp = Blueprint("schedules", __name__, url_prefix="/schedules")
DONE = {
    "created": "Schedule created.",
    "saved": "Schedule saved.",
    "paused": "Schedule paused. It won't run until you continue it.",
    "continued": "Schedule continued.",
    "started": "Running now.",
    "deleted": "Schedule deleted. Its chats and plans stay.",
}


@bp.get("")
@signed_in
def index() -> Response:
    return render("operations/schedules/list.html", schedules=shown.listed(current_user()), done=done_message(DONE))


@bp.get("/new")
@signed_in
def new() -> Response:
    chat = _chat(request.args.get("chat", ""))
    plan = request.args.get("plan", "")
    form = ScheduleForm.fresh(
        time_zone=_usual_zone(), chat_id=chat.id if chat else "", plan=plan, work="plan" if plan else "prompt", title=""
    )
    return _form_page(form.offering(current_user(), chat=chat), chat=chat)


@bp.post("")
@signed_in
def create() -> Response:
    me, chat = current_user(), _chat(request.form.get("chat_id", ""))
    form = ScheduleForm.opened().offering(me, chat=chat)
    if "preview" not in request.form:
        with form.attempt():
            schedule = service.create(form.entered, by=me)
            return _to(schedule.id, "created")
    return _form_page(form, chat=chat)


@bp.post("/preview")
@signed_in
def preview() -> Response:
    form = ScheduleForm.opened().offering(current_user())
    return render("operations/schedules/_preview.html", preview=shown.preview(form))


@bp.get("/<id>")
@signed_in
def show(id: str) -> Response:
    me, schedule = current_user(), own_schedule(id)
    return render(
        "operations/schedules/show.html",
        schedule=schedule,
        line=shown.one(schedule, me),
        times=shown.next_times(schedule),
        runs=shown.runs(schedule),
        what="" if schedule.prompt else shown.what_runs(schedule),
        chat=_chat(schedule.chat_id),
        done=done_message(DONE),
    )


@bp.get("/<id>/edit")
@signed_in
def edit(id: str) -> Response:
    schedule = own_schedule(id)
    chat = _chat(schedule.chat_id)
    form = ScheduleForm.for_schedule(schedule).offering(current_user(), chat=chat, schedule=schedule)
    return _form_page(form, schedule=schedule, chat=chat)


@bp.post("/<id>")
@signed_in
def update(id: str) -> Response:
    me, schedule = current_user(), own_schedule(id)
    chat = _chat(schedule.chat_id)
    form = ScheduleForm.opened().offering(me, chat=chat, schedule=schedule)
    if "preview" not in request.form:
        with form.attempt():
            service.change(schedule, form.entered, by=me)
            return _to(id, "saved")
    return _form_page(form, schedule=own_schedule(id), chat=chat)


@bp.post("/<id>/run")
@signed_in
def run(id: str) -> Response:
    service.run_now(own_schedule(id), by=current_user())
    return _to(id, "started")


@bp.post("/<id>/pause")
@signed_in
def pause(id: str) -> Response:
    service.pause(own_schedule(id))
    return _to(id, "paused")


@bp.post("/<id>/continue")
@signed_in
def go_on(id: str) -> Response:
    service.go_on(own_schedule(id))
    return _to(id, "continued")


@bp.post("/<id>/delete")
@signed_in
def delete(id: str) -> Response:
    service.delete(own_schedule(id))
    return redirect(url_for(".index", done="deleted"))


def own_schedule(id: str) -> Schedule:
    return found(queries.own_schedule(current_user().id, id))


def _chat(id: str) -> Chat | None:
    return next((chat for chat in own_chats(current_user().id, [id]) if not chat.deleted_at), None) if id else None


def _usual_zone() -> str:
    """Returns the time zone of the person's browser, or else the team's."""
    try:
        return zone_of(request.cookies.get(COOKIE, "")).key
    except BadRule:
        return str(setting("team.time_zone"))


def _to(id: str, done: str) -> Response:
    return redirect(url_for(".show", id=id, done=done))


def _form_page(form: ScheduleForm, **about: Any) -> Response:
    return form.shown("operations/schedules/form.html", **{"schedule": None, "preview": shown.preview(form), **about})
