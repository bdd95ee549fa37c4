"""Log records: one line each, in UTC, without secrets, and with details only where requested."""

import io
import json
import linecache
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from webapp.base.config import Config, load
from webapp.base.logs import LineHandler, hide, redacted, set_up

Say = Callable[..., str]
Make = Callable[..., Config]
AT_NOON = 1_800_000_000.25


@pytest.fixture
def config(tmp_path: Path) -> Make:
    return lambda **environ: load({"DATA_DIR": str(tmp_path), **environ})


@pytest.fixture
def say(config: Make) -> Say:
    """Sends one record through a handler and returns what it wrote."""

    def say(
        message: str, *, level: int = logging.INFO, name: str = "chat:streaming", fields: object = None, **environ: str
    ) -> str:
        written = io.StringIO()
        record = logging.LogRecord(name, level, "file.py", 1, message, None, None)
        record.created = AT_NOON
        record.__dict__.update({"fields": fields} if fields else {})
        LineHandler(config(**environ), written).handle(record)
        return written.getvalue()

    return say


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield root
    root.handlers = handlers
    root.setLevel(level)


def test_a_text_line_holds_time_level_namespace_and_fields(say: Say) -> None:
    line = say("stream_finished", fields={"chunk_count": 12, "model": "a b", "cost": None})
    assert line == '2027-01-15T08:00:00.250Z INFO    chat:streaming stream_finished chunk_count=12 model="a b" cost=null\n'


def test_a_json_line_holds_the_same(say: Say) -> None:
    line = say("stream_finished", fields={"chunk_count": 12, "kinds": ["a", 1.5]}, LOG_FORMAT="json")
    assert json.loads(line) == {
        "time": "2027-01-15T08:00:00.250Z",
        "level": "INFO",
        "logger": "chat:streaming",
        "message": "stream_finished",
        "chunk_count": 12,
        "kinds": ["a", 1.5],
    }


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_nothing_breaks_a_line(say: Say, log_format: str) -> None:
    line = say("one\ntwo\r\x1b[31m\x85\u2028\u202e\x00", fields={"a": "x\ny"}, LOG_FORMAT=log_format)
    assert len(line.splitlines()) == 1
    assert line[:-1].isprintable()


def test_an_exception_is_told_in_one_line(config: Make) -> None:
    written = io.StringIO()
    logger = logging.Logger("chat:streaming")
    logger.addHandler(LineHandler(config(), written))
    try:
        raise ValueError("the key is sk-abcdefgh12345678")
    except ValueError:
        logger.exception("failed")
    assert "ValueError" in written.getvalue()
    assert "abcdefgh" not in written.getvalue()
    assert written.getvalue().count("\n") == 1


def test_of_an_exception_and_its_cause_the_places_are_told_and_no_source_is_kept(config: Make) -> None:
    written = io.StringIO()
    logger = logging.Logger("chat:streaming")
    logger.addHandler(LineHandler(config(), written))
    linecache.clearcache()
    try:
        try:
            json.loads("{")
        except ValueError as error:
            raise RuntimeError("unreadable") from error
    except RuntimeError:
        logger.exception("failed")
    assert written.getvalue().count(", in ") >= 3
    assert "decoder.py" in written.getvalue()
    assert "json.loads" not in written.getvalue()
    assert not any(isinstance(entry[0], int) for entry in linecache.cache.values())


def test_a_known_secret_is_masked_everywhere(say: Say) -> None:
    hide("correct-horse-battery")
    line = say("it is correct-horse-battery", fields={"nested": {"in": ["correct-horse-battery"]}})
    assert "correct-horse-battery" not in line


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("key sk-or-v1-fedcba9876543210!", "key sk-***"),
        ("Authorization: Bearer abcdef.123456", "Authorization: Bearer ***"),
        ("postgresql://millrace:pw@db/millrace", "postgresql://millrace:***@db/millrace"),
        ("http://127.0.0.1:8000/setup?token=abcdefghijkl&x=1", "http://127.0.0.1:8000/setup?token=***&x=1"),
        ("http://127.0.0.1:8000/a@b", "http://127.0.0.1:8000/a@b"),
        ("a task-based bearer of news", "a task-based bearer of news"),
    ],
)
def test_what_looks_like_a_secret_is_masked(text: str, expected: str) -> None:
    assert redacted(text) == expected


def test_the_secrets_of_the_config_are_masked_after_setting_up(config: Make, root: logging.Logger) -> None:
    set_up(config(OPENROUTER_API_KEY="plain-key-value", DATABASE_URL="postgres://u:p%40ssw0rd@h/db"))
    assert redacted("plain-key-value and p@ssw0rd and p%40ssw0rd") == "*** and *** and ***"


def test_a_short_word_is_no_secret_worth_masking() -> None:
    hide("test", "")
    assert redacted("a test") == "a test"


def test_debug_lines_appear_where_they_are_asked_for(say: Say) -> None:
    assert say("detail", level=logging.DEBUG, DEBUG="chat")
    assert not say("detail", level=logging.DEBUG, DEBUG="upstream")
    assert not say("detail", level=logging.DEBUG)


def test_what_people_say_is_let_in_by_the_operator_alone(config: Make) -> None:
    for environ, is_there in (({}, False), ({"LOG_CONTENT": "0"}, False), ({"LOG_CONTENT": "1"}, True)):
        for log_format in ("text", "json"):
            written = io.StringIO()
            logger = logging.Logger("chat:streaming")
            logger.addHandler(LineHandler(config(DEBUG="chat", LOG_FORMAT=log_format, **environ), written))
            logger.debug("stream_event", extra={"fields": {"chars": 5}, "content": {"text": "canary"}})
            assert ("canary" in written.getvalue()) is is_there
            assert "chars" in written.getvalue()


def test_debug_lines_of_libraries_never_appear(say: Say) -> None:
    assert not say("a row with somebody's words", level=logging.DEBUG, name="sqlalchemy.engine", DEBUG="*")


def test_libraries_are_heard_when_they_warn(say: Say) -> None:
    assert not say("setting up", name="alembic.runtime.migration")
    assert say("odd", level=logging.WARNING, name="alembic.runtime.migration")
    assert say("Listening", name="gunicorn.error")


def test_setting_up_twice_writes_once_and_spares_other_handlers(config: Make, root: logging.Logger) -> None:
    other = logging.NullHandler()
    root.handlers = [other]
    set_up(config())
    set_up(config(DEBUG="chat"))
    assert [type(handler) for handler in root.handlers] == [logging.NullHandler, LineHandler]
    assert root.level == logging.DEBUG


def test_lines_go_to_standard_error(config: Make, root: logging.Logger, capsys: pytest.CaptureFixture[str]) -> None:
    root.handlers = []
    set_up(config())
    logging.getLogger("chat:streaming").warning("slow")
    assert "WARNING chat:streaming slow" in capsys.readouterr().err
