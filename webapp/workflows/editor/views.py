"""/workflows/…/edit: each workflow is one YAML text, saved as a draft and published with a note."""

from collections.abc import Sequence
from typing import Any

from flask import Blueprint, Response, jsonify, render_template, request, url_for

from webapp.base.errors import AppError, Conflict, Invalid
from webapp.base.yaml_text import MOST_CHARS
from webapp.people.accounts.guards import admin_only, anybody, signed_in, who
from webapp.web.downloads import download
from webapp.web.htmx import redirect, render, wants_json
from webapp.workflows import library, queries
from webapp.workflows.definition.parsing import Fault
from webapp.workflows.definition.schema import FIELDS, SCHEMA, SLOT_FIELDS, VERBS
from webapp.workflows.editor.autocomplete import completions
from webapp.workflows.editor.diagram import Diagram, diagram_of
from webapp.workflows.library import Entry, Replaces

bp = Blueprint("workflows", __name__)
NEW = """workflow: my-workflow
title: My workflow
about: What it is for, in a sentence.
slots:
  topic: {type: text, max: 200, ask: "What is it about?"}
steps:
  - say: "Hello {{user.first_name}}!"
  - collect: topic
  - id: idea
    chat: "Suggest one idea about {{topic}}."
    max_sentences: 2
  - end: That's it for now.
"""


@bp.get("/workflows/new")
@admin_only
def new() -> Response:
    like = request.args.get("like", "")
    return _form(None, library.get(like).draft if like else NEW)


@bp.get("/workflows/schema.json")
@anybody
def schema() -> Response:
    """Returns the JSON Schema for editors that validate with it, which don't sign in; it contains nothing about workflows."""
    return jsonify(SCHEMA)


@bp.get("/workflows/<slug>/edit")
@admin_only
def edit(slug: str) -> Response:
    found = library.get(slug)
    return _form(found, found.draft)


@bp.post("/workflows")
@admin_only
def save() -> Response:
    # Imported with the first draft: it loads the readers of Rasa's flows.
    from webapp.workflows.editor import importing

    form, files = request.form, request.files.getlist("file")
    slug, source = form.get("slug", ""), typed()
    # With a `slug`, the person has seen the draft that this replaces; other forms must set `replace` to overwrite one.
    replaces: Replaces = "any" if slug or "replace" in form else "nobody's"
    try:
        texts = [_text(each.read()) for each in files if each.filename]
        if flows := importing.of_rasa(texts):
            return render("workflows/imported.html", flows=importing.import_flows(flows, who(), replaces=replaces))
        source = texts[0] if texts else source
        saved = library.save(source, who(), slug=slug, replaces=replaces)
        if "publish" in form:
            library.publish(saved, form.get("note", ""), who())
    except (Invalid, Conflict) as refusal:
        if wants_json():
            raise
        return editor(slug, source, refusal=refusal)
    return redirect(url_for("workflows.edit", slug=saved), "Published." if "publish" in form else "Draft saved.")


@bp.post("/workflows/check")
@admin_only
def check() -> Response:
    source = typed()
    try:
        return _checked(diagram_of(library.runnable(source)), ())
    except library.BrokenDefinition as broken:
        return _checked(None, broken.faults)


@bp.post("/workflows/complete")
@admin_only
def complete() -> Response:
    found = completions(typed(), request.form.get("at", 0, type=int))
    return Response(render_template("workflows/_completions.html", found=found))


@bp.get("/workflows/<slug>/export.yaml")
@signed_in
def export(slug: str) -> Response:
    found = library.published(slug)
    return download(found.source, f"{found.slug}.yaml", "application/yaml")


@bp.post("/workflows/<slug>/remove")
@admin_only
def remove(slug: str) -> Response:
    library.remove(slug, who())
    return redirect(url_for("runs.index"), "Removed.")


def typed() -> str:
    """Returns the editor's text."""
    return request.form.get("source", "").replace("\r\n", "\n")


def editor(slug: str, source: str, *, refusal: AppError | None = None, **more: Any) -> Response:
    """Renders the editor with a text as typed; `more` is added to the template's context."""
    return _form(library.get(slug) if slug else None, source, refusal=refusal, **more)


def _text(content: bytes) -> str:
    try:
        return content[: 4 * MOST_CHARS].decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise Invalid("That file isn't UTF-8 text.", field="file") from error


def _checked(drawn: Diagram | None, faults: Sequence[Fault]) -> Response:
    return Response(render_template("workflows/_checked.html", picture=drawn, faults=faults, is_live=True))


def _picture(source: str) -> Diagram | None:
    """Returns the diagram of a workflow, or None if the text, which can have changed since it was tried, has faults."""
    try:
        return diagram_of(library.checked(source))
    except library.BrokenDefinition:
        return None


def _form(entry: Entry | None, source: str, *, refusal: AppError | None = None, **more: Any) -> Response:
    faults = getattr(refusal, "faults", ())
    # A text that was refused can't be parsed, so it has faults and no diagram.
    drawn = None if refusal else _picture(source)
    context: dict[str, Any] = {"entry": entry, "source": source, "refusal": refusal, "faults": faults, "picture": drawn}
    context["reference"] = {"Steps": VERBS, "Beside a step": FIELDS, "Slots": SLOT_FIELDS}
    if entry:
        context |= {"versions": library.versions(entry.slug), "under_way": queries.under_way(entry.slug)}
    return render("workflows/edit.html", status=refusal.status if refusal else 200, **context, **more)
