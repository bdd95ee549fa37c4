"""Structured logs: one line per record, in UTC, without secrets; the text of messages only with `LOG_CONTENT`.

A namespace such as `chat:streaming` is the name of a logger. Pass the values of a line as fields:
`logging.getLogger("chat:streaming").info("stream_finished", extra={"fields": {"chunk_count": 12}})`. Text by people and models
must be passed as `content` next to them, and nowhere else: it is dropped without `LOG_CONTENT`.
"""

import json
import logging
import os
import re
import select
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from traceback import StackSummary, TracebackException
from typing import Any, TextIO
from urllib.parse import unquote, urlsplit

from webapp.base.config import Config

MASK = "***"
SHORTEST_SECRET = 8
LOOKS_SECRET = re.compile(r"(\bsk-|\bBearer\s+|[?&](?:api_?key|key|token|secret)=)[^\s&\"']{8,}", re.IGNORECASE)
PASSWORD_IN_URL = re.compile(r"(://[^\s/:@]*:)[^\s/@]+(?=@)")
BREAKS_LINES = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
ENDS_WORDS = re.compile(r'[\s"=]')

# Size of the buffer for a reader that is slower than the log, or stopped; lines beyond it are dropped and counted.
MOST_WAITING_BYTES = 2**18

LOST = {"name": "logs", "msg": "log_lines_lost", "args": (), "levelno": logging.WARNING, "levelname": "WARNING", "exc_info": None}

_secrets: set[str] = set()


def set_up(config: Config) -> None:
    """Sends all log lines to standard error in the configured format; a second call replaces the first."""
    hide(config.secret_key, *config.encryption_keys, config.openrouter_api_key, *_passwords(config))
    root = logging.getLogger()
    root.handlers = [handler for handler in root.handlers if not isinstance(handler, LineHandler)] + [LineHandler(config)]
    root.setLevel(logging.DEBUG if config.debug else logging.INFO)
    # No line shows the thread's name, and looking it up creates a thread object in every greenlet that logs.
    logging.logThreads = False


def hide(*secrets: str) -> None:
    """Masks these secrets in all further log lines."""
    _secrets.update(secret for secret in secrets if len(secret) >= SHORTEST_SECRET)


def redacted(text: str) -> str:
    """Masks the known secrets in a text, and anything that looks like a secret."""
    if len(text) < SHORTEST_SECRET:
        return text
    for secret in _secrets:
        text = text.replace(secret, MASK)
    return PASSWORD_IN_URL.sub(rf"\1{MASK}", LOOKS_SECRET.sub(rf"\1{MASK}", text))


class NonBlockingStream:
    """Writes without blocking: stopping the terminal or the pager that reads the log must not stop the server."""

    def __init__(self, stream: TextIO) -> None:
        self.stream, self._waiting, self._lost = stream, b"", 0
        try:
            self._number = stream.fileno()
        except OSError:
            # A stream in memory.
            self._number = -1

    def write(self, line: str) -> None:
        if self._number < 0:
            self.stream.write(line)
        elif len(self._waiting) + len(line) > MOST_WAITING_BYTES:
            self._lost += 1
        else:
            self._waiting += line.encode("utf-8", "backslashreplace")

    def flush(self) -> None:
        try:
            while self._waiting and _is_ready(self._number):
                self._waiting = self._waiting[os.write(self._number, self._waiting[: select.PIPE_BUF]) :]
        except OSError:
            # The reader has gone.
            self._waiting = b""

    def lost(self) -> int:
        """Returns how many lines were dropped and resets the count, once there is room to report it; 0 before."""
        self.flush()
        if self._waiting:
            return 0
        lost, self._lost = self._lost, 0
        return lost


class LineHandler(logging.StreamHandler[Any]):
    """Writes our lines, and the debug lines of enabled namespaces, to standard error or to the given stream."""

    def __init__(self, config: Config, stream: TextIO | None = None) -> None:
        super().__init__(NonBlockingStream(stream or sys.stderr))
        self.setFormatter((JsonLines if config.log_format == "json" else TextLines)(has_content=config.log_content))
        self.addFilter(lambda record: _is_wanted(record, config))
        self._follows_stderr = stream is None

    def emit(self, record: logging.LogRecord) -> None:
        if self._follows_stderr and self.stream.stream is not sys.stderr:
            # Standard error was replaced, by a test or by a process that detached itself.
            self.stream = NonBlockingStream(sys.stderr)
        if lost := self.stream.lost():
            super().emit(logging.makeLogRecord({**record.__dict__, **LOST, "fields": {"count": lost}}))
        super().emit(record)


class Lines(logging.Formatter):
    """The values of a line, for both formats."""

    def __init__(self, *, has_content: bool) -> None:
        super().__init__()
        self._parts = ("fields", "content") if has_content else ("fields",)

    def values(self, record: logging.LogRecord) -> dict[str, Any]:
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        values = {"time": time, "level": record.levelname, "logger": record.name, "message": record.getMessage()}
        for part in self._parts:
            values |= getattr(record, part, {})
        if record.exc_info:
            values["exception"] = self.formatException(record.exc_info)
        return {name: _clean(value) for name, value in values.items()}

    def formatException(self, ei: Any) -> str:
        """Formats a traceback without source lines: reading them blocks the event loop, and they would be cached permanently."""
        trace = TracebackException(*ei, lookup_lines=False)
        _leave_out_source(trace)
        return "".join(trace.format()).rstrip()


class TextLines(Lines):
    def format(self, record: logging.LogRecord) -> str:
        values = self.values(record)
        head = f"{values.pop('time')} {values.pop('level'):<7} {values.pop('logger')} {values.pop('message')}"
        return _one_line(" ".join([head, *(f"{name}={_word(value)}" for name, value in values.items())]))


class JsonLines(Lines):
    def format(self, record: logging.LogRecord) -> str:
        return _one_line(json.dumps(self.values(record)))


def _leave_out_source(trace: TracebackException) -> None:
    trace.stack = StackSummary.from_list([(summary.filename, summary.lineno or 0, summary.name, "") for summary in trace.stack])
    for cause in (trace.__cause__, trace.__context__, *(trace.exceptions or ())):
        if cause:
            _leave_out_source(cause)


def _is_ready(number: int) -> bool:
    """Returns whether a write to the file would succeed immediately.

    It polls with the unpatched system call: gevent's would switch greenlets, and the caller can be inside a transaction.
    """
    # Where gevent isn't loaded, as in gunicorn's master, nothing is patched.
    patched = sys.modules.get("gevent.monkey")
    poll = patched.get_original("select", "poll")() if patched else select.poll()
    poll.register(number, select.POLLOUT)
    return list(poll.poll(0)) == [(number, select.POLLOUT)]


def _is_wanted(record: logging.LogRecord, config: Config) -> bool:
    """Returns whether to log a record: debug lines of enabled namespaces, and of libraries (dotted names) only warnings.

    gunicorn's messages count as ours: they report what the server does.
    """
    if "." in record.name and not record.name.startswith("gunicorn."):
        # Below that level, libraries log request bodies and database rows.
        return record.levelno >= logging.WARNING
    return record.levelno > logging.DEBUG or config.is_debugging(record.name)


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return redacted(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {str(name): _clean(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(part) for part in value]
    return redacted(str(value))


def _one_line(text: str) -> str:
    return BREAKS_LINES.sub(lambda match: f"\\u{ord(match[0]):04x}", text.replace("\n", "\\n"))


def _word(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if text and not ENDS_WORDS.search(text) else json.dumps(text, ensure_ascii=False)


def _passwords(config: Config) -> list[str]:
    passwords = [urlsplit(url).password or "" for url in (config.database_url, config.redis_url)]
    return [*passwords, *(unquote(password) for password in passwords)]
