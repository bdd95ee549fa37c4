"""The application, put together step by step."""

import time
from typing import Any

import gevent
from flask import Flask, has_request_context
from gevent.event import Event
from sqlalchemy.engine import make_url

from webapp import cli, logs
from webapp.accounts import account_views, audit_views, group_views, people_views
from webapp.accounts import views as accounts
from webapp.api import assistant, cors, door, limits, metrics, native, quick, roleplay, threads
from webapp.api import plans as api_plans
from webapp.characters import persona_views
from webapp.characters import views as characters
from webapp.chat import (
    composer_views,
    exchange_views,
    list_shown,
    list_views,
    rail_views,
    roleplay_views,
    several_views,
    sharing_views,
    tree_views,
)
from webapp.chat import views as chat
from webapp.chat.kind import CHAT, ROLEPLAY
from webapp.config import ROOT, Config, load
from webapp.docs import views as docs
from webapp.door.kind import DOOR
from webapp.extensions import bind, utc_now
from webapp.generations import models, usage_views
from webapp.generations.engine import build
from webapp.insights.metrics import Metrics
from webapp.plans import export_views as plan_files
from webapp.plans import type_views as plan_types
from webapp.plans import views as plans
from webapp.plans.kind import PLAN
from webapp.settings import views as settings
from webapp.web import assets, compiled, errors, everywhere, filters, health, security, selftest
from webapp.web.guards import user_or_none
from webapp.web.proxies import BehindProxies
from webapp.web.rules import LazyRule
from webapp.web.templates import Templates
from webapp.web.watch import open_pages

BLUEPRINTS = (
    accounts.bp,
    account_views.bp,
    people_views.bp,
    group_views.bp,
    audit_views.bp,
    usage_views.bp,
    settings.bp,
    chat.bp,
    tree_views.bp,
    list_views.bp,
    several_views.bp,
    rail_views.bp,
    composer_views.bp,
    exchange_views.bp,
    sharing_views.bp,
    roleplay.bp,
    quick.bp,
    threads.bp,
    assistant.bp,
    door.bp,
    characters.bp,
    persona_views.bp,
    roleplay_views.bp,
    plans.bp,
    plan_files.bp,
    plan_types.bp,
    health.bp,
    metrics.bp,
    *native.BLUEPRINTS,
    api_plans.bp,
    selftest.bp,
    everywhere.bp,
    docs.bp,
)
# A checkout must never wait for another request's: connections to a file cost next to nothing.
SQLITE_POOL = {"pool_size": 10, "max_overflow": 200}
# PostgreSQL itself admits a hundred by default, and may have been restarted since a connection was used.
POSTGRES_POOL = {"pool_size": 10, "max_overflow": 80, "pool_pre_ping": True}


def create_app(config: Config | None = None) -> Flask:
    config = config or load()
    app = Flask(__name__, template_folder=str(ROOT / "templates"), static_folder=str(ROOT / "static"))
    app.url_rule_class, app.jinja_environment = LazyRule, Templates
    _configure(app, config)
    logs.set_up(config)
    security.init(app, config)
    cors.init(app, config)
    limits.init(app)
    bind(app)
    errors.init(app)
    assets.init(app)
    _teach_templates(app)
    compiled.use(app, config.data_dir)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    cli.init(app)
    _start_engine(app, config)
    return app


def _start_engine(app: Flask, config: Config) -> None:
    # Names are looked up in real threads; with the usual ten, a slow resolver would hold up everybody.
    gevent.get_hub().threadpool.maxsize = 32
    engine = build(app, config, spawn=gevent.spawn, signal=Event, pause=_pause, now=time.monotonic)
    engine.register(CHAT)
    engine.register(PLAN)
    engine.register(ROLEPLAY)
    engine.register(DOOR)
    counted = Metrics(engine, watchers=open_pages)
    engine.hearers.append(counted.hear)
    app.extensions.update(engine=engine, providers=models.make(config), metrics=counted.text)


def _pause(seconds: float) -> None:
    # Sleeping for nothing lets only those go on who are ready; who waits for a socket or the clock would starve meanwhile.
    gevent.sleep(max(seconds, 1e-6))


def _configure(app: Flask, config: Config) -> None:
    is_sqlite = make_url(config.database_url).get_backend_name() == "sqlite"
    if not is_sqlite:
        _check_that_waiting_is_green()
    app.extensions["config"] = config
    app.config.update(
        SECRET_KEY=config.secret_key,
        SQLALCHEMY_DATABASE_URI=config.database_url,
        SQLALCHEMY_ENGINE_OPTIONS=SQLITE_POOL if is_sqlite else POSTGRES_POOL,
    )
    if config.trusted_proxies:
        app.wsgi_app = BehindProxies(app.wsgi_app, config.trusted_proxies)  # type: ignore[method-assign]


def _check_that_waiting_is_green() -> None:
    # Only who needs the driver pays for its import, and it looks for gevent at that moment alone.
    import psycopg.waiting

    if getattr(psycopg.waiting.wait, "__name__", "") == "wait_c":
        raise RuntimeError("psycopg was imported before gevent patched the process: every query would stop all others.")


def _teach_templates(app: Flask) -> None:
    app.jinja_env.tests["here_alone"] = security.is_here_alone
    app.jinja_env.filters.update(
        ago=lambda moment: filters.ago(moment, utc_now()),
        iso=filters.iso,
        full=filters.full,
        number=filters.number,
        plural=filters.plural,
    )
    app.context_processor(_person)


def _person() -> dict[str, Any]:
    """Who looks and, for the pages that ask, what stands in the rail; nobody and nothing while a fault is told."""
    if not has_request_context() or errors.is_bare():
        return {"me": None, "rail": list}
    me = user_or_none()
    return {"me": me, "rail": (lambda: list_shown.rail(me)) if me else list}
