"""Creates the application: `create_app` and the order of the features."""

import time
from functools import partial
from importlib import import_module
from typing import Any

import gevent
from flask import Flask
from gevent.event import Event
from sqlalchemy.engine import make_url
from werkzeug.local import LocalProxy

from webapp.api import access, cors, feature as api, limits
from webapp.base import catalogues, languages, logs
from webapp.base.config import ROOT, Config, load
from webapp.base.current import BUCKETS, CONFIG, TOPICS
from webapp.base.database.retrying_pool import RetryingPool
from webapp.base.db import bind, utc_now
from webapp.base.heavy import threads
from webapp.base.heavy.turns import give_way
from webapp.base.heavy.work_limiter import WHOSE
from webapp.base.process.watchdog import WATCHDOG, Watchdog
from webapp.characters import feature as characters
from webapp.chat import feature as chat
from webapp.engine.assembly import build
from webapp.engine.chores import RESUMES
from webapp.engine.engine import ENGINE, the_engine
from webapp.engine.kinds import Kind
from webapp.engine.watching import feature as live, watcher_loop
from webapp.guests import feature as guests
from webapp.knowledge import feature as knowledge
from webapp.models import tokens
from webapp.models.connections import feature as connections
from webapp.models.own_connections import feature as own_connections
from webapp.models.rules import feature as model_rules
from webapp.operations.alerts import feature as alerts
from webapp.operations.budgets import feature as budgets
from webapp.operations.budgets.gate import BudgetGate
from webapp.operations.experiments import feature as experiments
from webapp.operations.health import feature as health
from webapp.operations.health.metrics import Metrics
from webapp.operations.health.worker_metrics import METRICS, WorkerMetrics
from webapp.operations.insights import feature as insights
from webapp.operations.insights.trace_exporter import TraceExporter
from webapp.operations.keeping import feature as keeping
from webapp.operations.notices import feature as notices
from webapp.operations.notices.mail import feature as mail
from webapp.operations.schedules import feature as schedules
from webapp.operations.sign_on import feature as sign_on
from webapp.operations.starting.commands import Commands
from webapp.operations.usage import feature as usage
from webapp.people import feature as accounts
from webapp.people.accounts import creation_limit
from webapp.people.accounts.guards import viewer_or_none, whose
from webapp.people.accounts.permissions import REQUIRED
from webapp.people.second_factor import feature as second_factor
from webapp.plans import feature as plans
from webapp.prompts import feature as prompts
from webapp.rendering import on_loop
from webapp.settings.catalog import LANGUAGE
from webapp.settings.service import CHECKS, setting
from webapp.tools import feature as tools
from webapp.web import assets, compression, errors, filters, routes, security, templates, translation
from webapp.web.addresses import LazyRoute
from webapp.web.feature import BROUGHT, NAVIGATION, brought, by_type
from webapp.web.navigation import Navigation
from webapp.web.server.connection_limiter import ConnectionLimiter
from webapp.web.server.proxies import LIMITER, PROXIES, BehindProxies
from webapp.web.server.request_parsing import Incoming
from webapp.workflows import feature as workflows
from webapp.workspace import feature as workspace
from webapp.workspace.frame import feature as frame

# In order: each feature imports only those before it, which tests/test_architecture.py enforces.
FEATURES = (
    accounts.FEATURE,
    second_factor.FEATURE,
    mail.FEATURE,
    connections.FEATURE,
    own_connections.FEATURE,
    model_rules.FEATURE,
    live.FEATURE,
    usage.FEATURE,
    health.FEATURE,
    knowledge.FEATURE,
    tools.FEATURE,
    prompts.FEATURE,
    characters.FEATURE,
    chat.FEATURE,
    workspace.FEATURE,
    plans.FEATURE,
    workflows.FEATURE,
    budgets.FEATURE,
    insights.FEATURE,
    experiments.FEATURE,
    alerts.FEATURE,
    sign_on.FEATURE,
    notices.FEATURE,
    keeping.FEATURE,
    schedules.FEATURE,
    frame.FEATURE,
    api.FEATURE,
    guests.FEATURE,
)
# A checkout must never wait for another request's connection: connections to a file cost almost nothing. LIFO, because the
# connection used last has the file's current pages in its cache; the others have to read them again.
SQLITE_POOL = {"pool_size": 10, "max_overflow": 200, "pool_use_lifo": True}
# PostgreSQL allows a hundred connections by default. It can have been restarted since a pooled connection was last used, hence
# the pre-ping.
POSTGRES_CONNECTIONS = 90
# Detects a host that disappeared without closing the connection within half a minute; the system's own timeout is a quarter of
# an hour, or infinite when nothing is being sent. An operator can override these in the database URL.
POSTGRES_PATIENCE = {
    "connect_timeout": 10,
    "tcp_user_timeout": 20_000,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}


def create_app(config: Config | None = None, *, flask: type[Flask] = Flask) -> Flask:
    config = config or load()
    app = flask(__name__, template_folder=str(ROOT / "templates"), static_folder=str(ROOT / "static"))
    app.cli = Commands(app.name, FEATURES)
    app.jinja_environment, app.request_class, app.url_rule_class = templates.Templates, Incoming, LazyRoute
    watcher_loop.init(app)
    _configure(app, config)
    languages.load(catalogues.compiled_in(config.data_dir))
    logs.set_up(config)
    compression.init(app)
    security.init(app, config)
    cors.init(app, config)
    limits.init(app)
    bind(app)
    errors.init(app)
    assets.init(app)
    translation.init(app, partial(setting, LANGUAGE))
    _teach_templates(app)
    templates.use_cache(app, config.data_dir)
    _start_engine(app, config)
    for module in (module for feature in FEATURES for module in feature.modules):
        import_module(module)
    routes.register(app, [path for feature in FEATURES for path in feature.blueprints], config.data_dir)
    with app.app_context():
        for kind in brought(Kind):
            the_engine().register(kind)
    return app


def _start_engine(app: Flask, config: Config) -> None:
    hub = gevent.get_hub()
    # DNS lookups run in real threads; with the default of ten, a slow resolver would block every request.
    hub.threadpool.maxsize = 32
    on_loop.run_by(partial(threads.on_loop, hub))
    tools = {"spawn": gevent.spawn, "signal": Event, "pause": _pause, "now": time.monotonic, "within": _within}
    engine = build(app, config, **tools)
    metrics, watchdog = Metrics(engine, watchers=watcher_loop.open_pages), Watchdog()
    engine.metric_listeners += [metrics.record, TraceExporter(engine).record]
    engine.admission.gate = BudgetGate(
        estimate=tokens.estimate,
        token_id=access.token_id,
        is_side_request=lambda kind: engine.kinds[kind].is_side_request,
        in_app=app.app_context,
    )
    engine.admission.requester = access.CurrentRequester()
    watchdog.listeners.append(metrics.loop_blocked)
    worker_metrics = WorkerMetrics(metrics.text, config.data_dir / "metrics", worker_id=engine.worker.id, pause=_pause)
    ENGINE.set(engine, app)
    TOPICS.set(engine.logs.topics, app)
    BUCKETS.set(engine.admission.buckets, app)
    WATCHDOG.set(watchdog, app)
    METRICS.set(worker_metrics, app)
    creation_limit.LIMITS.set(access.made_limits, app)
    WHOSE.set(whose, app)


def _pause(seconds: float) -> None:
    if seconds:
        gevent.sleep(seconds)
    else:
        give_way()


def _within(seconds: float) -> gevent.Timeout:
    return gevent.Timeout(seconds, TimeoutError)


def _configure(app: Flask, config: Config) -> None:
    is_sqlite = make_url(config.database_url).get_backend_name() == "sqlite"
    if not is_sqlite:
        _check_that_waiting_is_green()
    CONFIG.set(config, app)
    BROUGHT.set(by_type(FEATURES), app)
    REQUIRED.set({name: permission for feature in FEATURES for name, permission in feature.requires.items()}, app)
    NAVIGATION.set(Navigation(entry for feature in FEATURES for entry in feature.navigation), app)
    CHECKS.set({name: check for feature in FEATURES for name, check in feature.setting_checks.items()}, app)
    RESUMES.set([resume for feature in FEATURES for resume in feature.resumes], app)
    app.config.update(
        SECRET_KEY=config.secret_key,
        SQLALCHEMY_DATABASE_URI=config.database_url,
        # The log of an error has no words of people.
        SQLALCHEMY_ENGINE_OPTIONS={**(SQLITE_POOL if is_sqlite else _postgres_pool(config)), "hide_parameters": True},
    )
    limiter = ConnectionLimiter(lambda: _most_connections(app))
    proxies = BehindProxies(app.wsgi_app, config.trusted_proxies, limiter, sign_in_header=config.sign_in_header)
    LIMITER.set(limiter, app)
    PROXIES.set(proxies, app)
    if config.trusted_proxies:
        app.wsgi_app = proxies  # type: ignore[method-assign]


def _postgres_pool(config: Config) -> dict[str, Any]:
    most = max(2, POSTGRES_CONNECTIONS // config.web_concurrency)
    options = make_url(config.database_url).query
    patience = {name: value for name, value in POSTGRES_PATIENCE.items() if name not in options}
    bounds = {"pool_size": min(10, most), "max_overflow": max(0, most - 10)}
    return {"poolclass": RetryingPool, **bounds, "pool_pre_ping": True, "connect_args": patience}


def _most_connections(app: Flask) -> int:
    with app.app_context():
        return int(setting("limits.connections_per_address"))


def _check_that_waiting_is_green() -> None:
    # Imported only where PostgreSQL is used, because the import is expensive; psycopg checks for gevent only at that moment.
    import psycopg.waiting

    if getattr(psycopg.waiting.wait, "__name__", "") == "wait_c":
        raise RuntimeError("psycopg was imported before gevent patched the process: every query would stop all others.")


def _teach_templates(app: Flask) -> None:
    app.jinja_env.tests["here_alone"] = security.is_here_alone
    app.jinja_env.filters.update(
        ago=lambda moment: filters.ago(moment, utc_now()),
        iso=filters.iso,
        full=filters.full,
        day=filters.day,
        listed=filters.listed,
        lowered=filters.lowered,
        number=filters.number,
        plural=filters.plural,
    )
    # The person a page is rendered for. Looked up lazily, by the templates that use it, because a fragment can be rendered for
    # many people.
    app.context_processor(lambda: {"me": LocalProxy(viewer_or_none)})
