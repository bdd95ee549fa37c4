"""A small server that shows our pages and scripts in situations that are rare on the real one."""

import queue
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

from flask import Flask, Response, render_template, request
from markupsafe import Markup
from werkzeug.serving import make_server

from webapp.base.config import ROOT
from webapp.chat.messages.forms import MessageForm
from webapp.people import shortcuts
from webapp.web import assets, filters
from webapp.web.htmx import fragment
from webapp.web.templates import Templates
from webapp.workspace.page.shown import Actions, ShownChat, ShownMessage

KINDS = ("script", "style", "img", "font", "connect")
POLICY = "; ".join(["default-src 'none'", *(f"{kind}-src 'self'" for kind in KINDS), "form-action 'self'"])
QUESTION = ShownMessage(
    id="q", role="user", status="completed", html=Markup("<p>Why?</p>"), tail=Markup(), reasoning="", thought="", notices=(),
    receipt="", is_running=False, started_at=None, actions=Actions(raw_url="/messages/q.md"),
)  # fmt: skip
ANSWER = replace(
    QUESTION, id="a", role="assistant", html=Markup("<p>Because.</p>"), receipt="demo/quick · 1.0 s",
    actions=Actions(raw_url="/messages/a.md", again_url="/messages/a/again", can_try_again=True),
)  # fmt: skip
LIVE = replace(
    ANSWER, status="responding", html=Markup("<p>Because</p>"), tail=Markup("<p>water</p>"), is_running=True,
    started_at=datetime.now(UTC), stop_url="/stop",
)  # fmt: skip


class Stage:
    """A server whose responses are set by the test; it records the requests."""

    def __init__(self) -> None:
        self.thread = [QUESTION, LIVE]
        self.refusals: list[int] = []
        self.opened = 0
        self.last_ids: list[str | None] = []
        self.posted: list[dict[str, str]] = []
        self.refuses_to_stop = False
        self.may_answer = threading.Event()
        self.may_answer.set()
        self._wires: list[queue.Queue[str | None]] = []

    def send(self, frame: str) -> None:
        """Sends a frame to all connected pages."""
        for wire in self._wires:
            wire.put(frame)

    def say(self, status: str, *, message: str = "a") -> None:
        self.send(f'event: status\ndata: {{"message": "{message}", "status": "{status}", "generation": "g"}}\n\n')

    def part(self, target: str, swap: str, html: str) -> None:
        self.send(f'data: <hx-partial hx-target="{target}" hx-swap="{swap}">{html}</hx-partial>\n\n')

    def hang_up(self) -> None:
        for wire in self._wires:
            wire.put(None)

    @property
    def watchers(self) -> int:
        return len(self._wires)

    def stream(self) -> Response:
        self.opened += 1
        self.last_ids.append(request.headers.get("Last-Event-ID"))
        if self.refusals and (status := self.refusals.pop(0)) != 200:
            return Response("<h1>Something else</h1>" if status != 204 else "", status)
        return Response(self._frames(), mimetype="text/event-stream")

    def _frames(self) -> Iterator[str]:
        wire: queue.Queue[str | None] = queue.Queue()
        self._wires.append(wire)
        try:
            yield "id: 1\nretry: 50\n\n"
            while (frame := self._next(wire)) is not None:
                yield frame
        finally:
            self._wires.remove(wire)

    def _next(self, wire: "queue.Queue[str | None]") -> str | None:
        try:
            return wire.get(timeout=0.1)
        except queue.Empty:
            return ": ping\n\n"

    def page(self) -> str:
        addresses = {"events_url": "/events", "refresh_url": "/chat?at=2#end"}
        return render_template("workspace/page/show.html", thread=self.thread, **addresses, **self._composer())

    def sent(self) -> str:
        self.posted.append(request.form.to_dict())
        self.may_answer.wait(60)
        html = render_template("workspace/page/composer/_composer.html", thread=self.thread, **self._composer())
        return f'<hx-partial hx-target="#composer-box" hx-swap="outerMorph">{html}</hx-partial>'

    def stopped(self) -> Response:
        self.posted.append({"stop": request.path})
        if not self.refuses_to_stop:
            return Response(status=204)
        words = {"message": "That answer has ended already.", "status": 409, "next_step": ("", "/")}
        return fragment(render_template("errors/_toast.html", **words), 409)

    def _composer(self) -> dict[str, object]:
        running = next((message for message in self.thread if message.is_running), None)
        chat = ShownChat("c", "Sluice gates", "demo/quick", bool(running), False)
        form = {"form": MessageForm.fresh(), "most_whole": 100_000, "send_url": "/send"}
        return {"chat": chat, "running": running, "models": [], "chips": (), **form}


def app_of(stage: Stage) -> Flask:
    app = Flask(__name__, template_folder=str(ROOT / "templates"), static_folder=str(ROOT / "static"))
    app.config["SECRET_KEY"], app.jinja_environment = "stage", Templates
    app.jinja_env.filters.update(
        ago=lambda moment: filters.ago(moment, datetime.now(UTC)),
        iso=filters.iso,
        full=filters.full,
        day=filters.day,
        lowered=filters.lowered,
        number=filters.number,
        plural=filters.plural,
    )
    app.context_processor(lambda: {"me": None, "shared_with": lambda id: []})
    # No user is signed in, so the globals that features show on every page are empty.
    app.jinja_env.globals.update(
        sidebar=list,
        links=list,
        hidden_links=list,
        key_table=lambda: shortcuts.names_by_key({}),
        page_tabs=list,
        cut_answers=list,
        alert_count=lambda _: 0,
        urgent_alerts=lambda **_: [],
        admin_page=lambda: None,
        budgets_near=lambda *_: [],
        may_use=lambda _: True,
        links_are_on=lambda: False,
        project_of_chat=lambda _: None,
        is_sidebar_hidden=lambda: False,
        keeps_offline=lambda: False,
        has_server_voice=lambda: False,
    )
    app.jinja_env.tests.update(is_cut=lambda groups: bool(groups))
    # Pages link to routes that this server does not have.
    app.url_build_error_handlers.append(lambda error, endpoint, values: f"/elsewhere/{endpoint}")
    assets.init(app)
    app.add_url_rule("/chat", view_func=stage.page)
    app.add_url_rule("/events", view_func=stage.stream)
    app.add_url_rule("/send", view_func=stage.sent, methods=["POST"])
    app.add_url_rule("/stop", view_func=stage.stopped, methods=["POST"])
    app.add_url_rule("/messages/<id>.md", "raw", lambda id: Response(f"raw of {id}", mimetype="text/plain"))
    app.after_request(_with_policy)
    return app


def _with_policy(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = POLICY
    return response


class Running:
    """The stage, served on a free port until closed."""

    def __init__(self, stage: Stage) -> None:
        self.server = make_server("127.0.0.1", 0, app_of(stage), threaded=True)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
