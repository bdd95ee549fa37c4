"""/admin/health: the state of everything, and a test whether streamed text reaches this browser without buffering."""

import json
import time
from collections.abc import Callable, Iterator
from functools import partial

from flask import Blueprint, Response, jsonify, request, url_for

from webapp.base.current import the_config
from webapp.base.database.state import trouble_with_database
from webapp.base.db import is_sqlite
from webapp.base.languages import gettext as _, ngettext
from webapp.base.process.watchdog import WATCHDOG
from webapp.engine.engine import the_engine
from webapp.engine.watching.sse_response import streaming_response
from webapp.engine.watching.watcher_loop import FEEDS_PER_CONNECTION, open_pages
from webapp.models.connections import service as connections
from webapp.models.connections.cache import the_connections
from webapp.models.connections.models import the_models
from webapp.models.connections.providers import providers
from webapp.operations.health import facts, nightly
from webapp.people.accounts.guards import admin_only, anybody, audit_author, current_user
from webapp.settings.service import setting
from webapp.streaming.codec import encode
from webapp.web.health_facts import Chapter, HealthFact
from webapp.web.htmx import redirect, render

bp = Blueprint("selftest", __name__, url_prefix="/admin/health")
PIECES, PAUSE_SECONDS = 12, 0.15
# Why a model is paused, by the code of its failures.
PAUSED = {
    "rate": "Its provider is rate limiting. Millrace will try again automatically.",
    "error": "It failed several times in a row. Millrace will try it again automatically.",
}
STOPS = "This server stops."
probes = Blueprint("health", __name__)


@bp.get("")
@admin_only
def index() -> Response:
    the_connections().forget()
    here = Chapter("Your connection", facts.of_request(request, the_config()))
    streams = Chapter("Streams", [*_streams(), *_paused()])
    tested = the_connections().usable()
    can_back_up = is_sqlite() and not nightly.is_under_way()
    chapters = [here, streams, *facts.chapters()]
    return render(
        "operations/health/health.html",
        chapters=chapters,
        to_do=[fact for chapter in chapters for fact in chapter.facts if fact.tone in ("warn", "bad")],
        pieces=PIECES,
        tested=tested,
        can_back_up=can_back_up,
    )


@bp.get("/stream")
@admin_only
def stream() -> Response:
    return streaming_response(_pieces(the_engine().pause))


@bp.post("/<slug>/test")
@admin_only
def test(slug: str) -> Response:
    connections.check(slug, partial(providers().provider, slug), author=audit_author())
    return redirect(url_for(".index", _anchor="models"))


@bp.post("/backup")
@admin_only
def back_up() -> Response:
    nightly.ask(author=audit_author())
    return redirect(url_for(".index", _anchor="nightly-backup"))


def _pieces(pause: Callable[[float], object]) -> Iterator[bytes]:
    for number in range(1, PIECES + 1):
        yield encode(json.dumps({"number": number, "at": time.time() * 1000}))
        pause(PAUSE_SECONDS)


def _streams() -> list[HealthFact]:
    engine, mine = the_engine(), open_pages(current_user().id)
    limit = setting("limits.sse_per_user") * FEEDS_PER_CONNECTION
    open_here = _("%(num)s open (limit %(limit)s)", num=mine, limit=limit) if limit else _("%(num)s open", num=mine)
    running = _("%(num)s running (limit %(limit)s)", num=len(engine.live), limit=engine.admission.max_streams)
    return [
        HealthFact(_("Your open pages"), open_here),
        HealthFact(_("All open pages"), ngettext("%(num)s stream to browsers.", "%(num)s streams to browsers.", open_pages())),
        HealthFact(_("Running answers"), running, "warn" if len(engine.live) >= engine.admission.max_streams else ""),
        facts.memory(engine.logs.topics.buffered_bytes),
        facts.loop(WATCHDOG.get()),
        facts.threads(),
    ]


def _paused() -> list[HealthFact]:
    """Returns the models that are paused after repeated failures."""
    return [
        HealthFact(
            the_models().display_name(model),
            _("Paused for %(num)s more seconds.", num=round(pause.seconds)),
            "warn",
            _(PAUSED[pause.code]),
        )
        for model, pause in the_engine().circuits.paused().items()
    ]


@probes.get("/healthz")
@anybody
def alive() -> Response:
    return jsonify(status="ok")


@probes.get("/readyz")
@anybody
def ready() -> Response:
    stops = STOPS if the_engine().is_stopping else ""
    if trouble := stops or trouble_with_database() or facts.trouble_with_disk(the_config().data_dir):
        response = jsonify(status="not ready", detail=trouble)
        response.status_code = 503
        return response
    trouble = facts.trouble_with_redis(the_engine())
    return jsonify(status="degraded", detail=trouble) if trouble else jsonify(status="ready")
