"""`make dev`: a server for working on the code, which restarts when Python code changes and shows errors with their source.

It runs the same gunicorn, worker and gevent patches as `make run`. The socket is opened once and handed to each server, so a
request that comes during a restart waits.
"""

import logging
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from traceback import format_exception
from typing import TYPE_CHECKING, Any

from webapp.base.config import ROOT, Config, ConfigError, load
from webapp.base.current import CONFIG
from webapp.base.logs import LineHandler, TextLines, redacted

if TYPE_CHECKING:
    # Imported by the server alone, after gevent has patched the process.
    from flask import Flask
    from flask.typing import ResponseReturnValue

CODE = ("webapp/**/*.py", "webapp/**/*.yaml", "scripts/dev.py", "wsgi.py", "gunicorn.conf.py", ".env")
LOOK_SECONDS = 0.5
STOP_SECONDS = 15
# A breakpoint stops the worker while a person looks at it.
BREAKPOINT_SECONDS = 3600
HAS_ENDED = b"""HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n\
The server has ended: the terminal says why. It starts again when a file has changed.
"""

Times = dict[Path, float]


def application() -> "Flask":
    """Returns the application of wsgi.py, which reads templates again when they change and shows errors as they are."""
    from wsgi import app  # only the worker has patched the process

    config = CONFIG.of(app)
    app.jinja_env.auto_reload = True
    app.config["PROPAGATE_EXCEPTIONS"] = True
    app.register_error_handler(Exception, _answer_or_raise)
    for handler in logging.getLogger().handlers:
        if isinstance(handler, LineHandler):
            handler.setFormatter(DevLines(has_content=config.log_content))
    if is_private(config):
        from werkzeug.debug import DebuggedApplication  # of no use without the debugger

        app.wsgi_app = DebuggedApplication(app.wsgi_app, evalex=True)  # type: ignore[method-assign]
    return app


def is_private(config: Config) -> bool:
    """Whether only people at this machine reach the server: the debugger runs whatever it is sent."""
    with suppress(ValueError):
        return ip_address(config.host).is_loopback and not config.trusted_proxies
    return config.host == "localhost" and not config.trusted_proxies


class DevLines(TextLines):
    """Lines with the time of day, and below them the traceback with its source."""

    def format(self, record: logging.LogRecord) -> str:
        shown = logging.makeLogRecord({**record.__dict__, "exc_info": None})
        time_of_day = time.strftime("%H:%M:%S", time.localtime(record.created))
        line = f"{time_of_day} {super().format(shown).partition(' ')[2]}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line

    def formatException(self, ei: Any) -> str:
        return redacted("".join(format_exception(*ei))).rstrip()


def _answer_or_raise(error: Exception) -> "ResponseReturnValue":
    """Answers what a person can cause as always, and raises what is a mistake in the code: it is for the debugger."""
    from sqlalchemy.exc import OperationalError
    from werkzeug.exceptions import HTTPException

    from webapp.base.errors import AppError
    from webapp.web.errors import answer

    if isinstance(error, AppError | OperationalError) or (isinstance(error, HTTPException) and (error.code or 500) < 500):
        return answer(error)
    logging.getLogger("web:errors").error("request_failed", exc_info=error)
    raise error


def times() -> Times:
    """Returns when each file of the code was changed."""
    return dict(_changed_at(path for pattern in CODE for path in ROOT.glob(pattern)))


def _changed_at(paths: Iterator[Path]) -> Iterator[tuple[Path, float]]:
    for path in paths:
        # Editors replace files, so one can be gone for a moment.
        with suppress(FileNotFoundError):
            yield path, path.stat().st_mtime


def serve(listener: socket.socket) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "gunicorn", "--config", "gunicorn.conf.py", "--bind", f"fd://{listener.fileno()}"]
    options = ["--workers", "1", "--timeout", str(BREAKPOINT_SECONDS), "scripts.dev:application()"]
    return subprocess.Popen([*command, *options], cwd=ROOT, pass_fds=[listener.fileno()])


def stop(server: "subprocess.Popen[bytes]") -> None:
    """Ends the server after it has saved its answers."""
    server.terminate()
    try:
        server.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def say_that_it_has_ended(listener: socket.socket) -> None:
    """Answers one request, if one comes soon, in place of the server: without one, a page would wait for the next change."""
    if not select.select([listener], [], [], LOOK_SECONDS)[0]:
        return
    client, _ = listener.accept()
    with client, suppress(OSError):
        client.settimeout(LOOK_SECONDS)
        client.recv(65_536)
        client.sendall(HAS_ENDED)


def watch(start: Callable[[], "subprocess.Popen[bytes]"], listener: socket.socket) -> None:
    """Restarts the server whenever code has changed; one that can't start waits for the next change."""
    server, known, has_ended = start(), times(), False
    try:
        while True:
            if has_ended:
                say_that_it_has_ended(listener)
            else:
                time.sleep(LOOK_SECONDS)
            if (now := times()) != known:
                changed = sorted({str(path.relative_to(ROOT)) for path, _ in now.items() ^ known.items()})
                print(f"Changed: {', '.join(changed)}. Restarting.", flush=True)
                stop(server)
                server, known, has_ended = start(), now, False
            elif server.poll() is not None and not has_ended:
                has_ended = True
                print("The server has ended. It starts again when a file has changed.", flush=True)
    finally:
        stop(server)


def main() -> None:
    try:
        config = load()
    except ConfigError as error:
        sys.exit(str(error))
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    with socket.create_server((config.host, config.port), family=family) as listener:
        debugger = "with" if is_private(config) else "without"
        print(f"Serving http://{config.bind}/, {debugger} the debugger. Templates need no restart.", flush=True)
        with suppress(KeyboardInterrupt):
            watch(lambda: serve(listener), listener)


if __name__ == "__main__":
    os.umask(0o077)
    main()
