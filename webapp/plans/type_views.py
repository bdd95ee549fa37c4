"""/admin/plan-types: each type of plan is one YAML text."""

from typing import Any

from flask import Blueprint, Response, request, url_for

from webapp.accounts.guards import admin_only, who
from webapp.errors import AppError, Conflict, Invalid
from webapp.plans import plan_types
from webapp.web.done_words import just_done
from webapp.web.htmx import redirect, render, wants_json

bp = Blueprint("plan_types", __name__, url_prefix="/admin/plan-types")
DONE = {"saved": "Saved. Existing plans keep the previous version.", "removed": "Removed."}


@bp.get("")
@admin_only
def index() -> Response:
    return render("plans/types.html", types=plan_types.all_types(), done=just_done(DONE))


@bp.get("/new")
@admin_only
def new() -> Response:
    like = request.args.get("like", "monthly")
    return _form("", plan_types.get(like).source)


@bp.get("/<slug>")
@admin_only
def show(slug: str) -> Response:
    found = plan_types.get(slug)
    return _form(slug, found.source, is_shipped=found.is_shipped, is_known=True)


@bp.post("")
@admin_only
def save() -> Response:
    slug, source = request.form.get("slug", "").strip(), request.form.get("source", "").replace("\r\n", "\n")
    try:
        plan_types.save(slug, source, who())
    except (Invalid, Conflict) as refusal:
        if wants_json():
            raise
        return _form(slug, source, refusal=refusal)
    return redirect(url_for("plan_types.index", done="saved"))


@bp.post("/<slug>/remove")
@admin_only
def remove(slug: str) -> Response:
    plan_types.remove(slug, who())
    return redirect(url_for("plan_types.index", done="removed"))


def _form(slug: str, source: str, *, refusal: AppError | None = None, **more: Any) -> Response:
    status = refusal.status if refusal else 200
    return render("plans/type.html", status=status, slug=slug, source=source, refusal=refusal, **more)
