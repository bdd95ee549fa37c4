"""/admin/health: how everything stands, and whether text that is streamed reaches this browser as it is sent."""

import json
import time
from collections.abc import Callable, Iterator
from functools import partial

from flask import Blueprint, Response, current_app, request, url_for

from webapp.generations.engine import the_engine
from webapp.generations.models import providers
from webapp.settings import connections
from webapp.settings.service import setting
from webapp.streaming.codec import encode
from webapp.web import facts, server_facts
from webapp.web.fact import Fact
from webapp.web.facts import Chapter
from webapp.web.filters import plural
from webapp.web.guards import admin_only, client_address, current_user
from webapp.web.htmx import redirect, render
from webapp.web.watch import HEADERS, open_pages

bp = Blueprint("selftest", __name__, url_prefix="/admin/health")
PIECES, PAUSE_SECONDS = 12, 0.15


@bp.get("")
@admin_only
def index() -> Response:
    providers().forget()
    here = Chapter("Your way here", server_facts.of_request(request, current_app.extensions["config"]))
    streams = Chapter("Streams", [*_streams(), *_resting()])
    tested = [each for each in providers().connections() if each.is_usable]
    return render("admin/health.html", chapters=[here, streams, *facts.chapters()], pieces=PIECES, tested=tested)


@bp.get("/stream")
@admin_only
def stream() -> Response:
    frames = _pieces(the_engine().pause)
    return Response(frames, mimetype="text/event-stream", headers=HEADERS, direct_passthrough=True)


@bp.post("/<slug>/test")
@admin_only
def test(slug: str) -> Response:
    connections.check(slug, partial(providers().provider, slug), actor=current_user(), address=client_address())
    return redirect(url_for(".index", _anchor="models"))


def _pieces(pause: Callable[[float], object]) -> Iterator[bytes]:
    for number in range(1, PIECES + 1):
        yield encode(json.dumps({"number": number, "at": time.time() * 1000}))
        pause(PAUSE_SECONDS)


def _streams() -> list[Fact]:
    engine, mine = the_engine(), open_pages(current_user().id)
    limit = setting("limits.sse_per_user")
    of_them = f" of {limit} that may be" if limit else ""
    running = f"{len(engine.live)} of {engine.max_streams} that may run at once."
    return [
        Fact("Your open pages", f"{mine}{of_them}, with a stream each."),
        Fact("Everybody's", f"{plural(open_pages(), 'stream')} to browsers."),
        Fact("Answers now", running, "warn" if len(engine.live) >= engine.max_streams else ""),
        server_facts.memory(engine.topics.held_bytes),
    ]


def _resting() -> list[Fact]:
    """Models that have failed so often that nobody asks them for a moment."""
    resting = the_engine().circuits.resting()
    hint = "It failed several times in a row. It is tried again by itself."
    return [Fact(model, f"Rests for {seconds:.0f} more seconds.", "warn", hint) for model, seconds in resting.items()]
