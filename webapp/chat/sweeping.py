"""Looks every quarter of an hour for chats whose time is over, for as long as there are any that will be due."""

from flask import current_app

from webapp.chat import erasing, temporary
from webapp.generations.engine import Engine, the_engine
from webapp.streaming.loops import Ticker

EVERY_SECONDS = 900.0


def wake() -> None:
    """Sees to it that somebody looks."""
    if "sweeper" not in current_app.extensions:
        current_app.extensions["sweeper"] = _sweeper(the_engine())
    current_app.extensions["sweeper"].wake()


def sweep() -> bool:
    """Deletes what is due now; says whether more will be."""
    erasing.empty_trash()
    temporary.stop_due()
    erasing.forget_temporary()
    return erasing.is_something_waiting()


def _sweeper(engine: Engine) -> Ticker:
    return Ticker(
        "sweep", lambda: _look(engine), every=lambda: EVERY_SECONDS, spawn=engine.spawn, pause=engine.pause, now=engine.now
    )


def _look(engine: Engine) -> bool:
    if engine.is_closing:
        return False
    with engine.in_app():
        return sweep()
