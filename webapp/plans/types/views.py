"""/admin/plan-types: each type of plan is one YAML text."""

from flask import Blueprint, Response, request, url_for

from webapp.base.errors import AppError, Conflict, Invalid
from webapp.base.languages import gettext as _
from webapp.people.accounts.guards import admin_only, audit_author
from webapp.plans.types import service
from webapp.plans.types.schema import labels
from webapp.web.htmx import done_message, redirect, render, wants_json

bp = Blueprint("plan_types", __name__, url_prefix="/admin/plan-types")
DONE = {"saved": "Saved. Existing plans keep the previous version.", "removed": "Removed."}


@bp.get("")
@admin_only
def index() -> Response:
    return render("plans/types.html", types=service.all_types(), done=done_message(DONE))


@bp.get("/new")
@admin_only
def new() -> Response:
    like = request.args.get("like", "monthly")
    return _form("", service.get(like).source)


@bp.get("/<slug>")
@admin_only
def show(slug: str) -> Response:
    type_ = service.get(slug)
    return _form(slug, type_.source, type=type_, is_known=True)


@bp.post("")
@admin_only
def save() -> Response:
    slug, source = request.form.get("slug", "").strip(), request.form.get("source", "").replace("\r\n", "\n")
    try:
        service.save(slug, source, author=audit_author())
    except (Invalid, Conflict) as refusal:
        if wants_json():
            raise
        return _form(slug, source, refusal=refusal)
    return redirect(url_for("plan_types.index", done="saved"))


@bp.post("/<slug>/remove")
@admin_only
def remove(slug: str) -> Response:
    service.remove(slug, author=audit_author())
    return redirect(url_for("plan_types.index", done="removed"))


def _form(
    slug: str, source: str, *, type: service.Type | None = None, refusal: AppError | None = None, is_known: bool = False
) -> Response:
    status = refusal.status if refusal else 200
    lists = {_("The form asks for"): labels(type.inputs), _("The plan contains"): labels(type.plan)} if type else {}
    shown = {"slug": slug, "source": source, "type": type, "lists": lists, "refusal": refusal, "is_known": is_known}
    return render("plans/type.html", status=status, **shown)
