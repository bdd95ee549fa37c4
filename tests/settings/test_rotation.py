"""`flask keys rotate`: run twice, interrupted halfway, and with a stored key that can no longer be decrypted."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from flask import Flask

from tests.conftest import KEYS, MakeApp
from tests.support.marks import also_on_postgres
from webapp.base.audit import COMMAND_LINE
from webapp.base.config import ROOT
from webapp.base.current import CONFIG
from webapp.base.db import write
from webapp.models.connections import keys, queries, service as connections
from webapp.models.connections.effective import live_connections
from webapp.models.connections.service import ApplicationSettingsService, ConnectionInput
from webapp.models.connections.tables import Connection
from webapp.settings.secrets.keyring import rotate

NEW = Fernet.generate_key().decode()
BOTH = f"{NEW},{KEYS['ENCRYPTION_KEY']}"
ADDRESS = "http://127.0.0.1:9/v1"


def fill(count: int) -> dict[str, str]:
    """Stores keys for `count` connections and for the built-in one; returns them by slug."""
    with write() as session:
        for number in range(count):
            row = Connection(slug=f"c{number}", name=f"C {number}", kind="openai", base_url=ADDRESS, models=[])
            session.add(row)
            session.flush()
            keys.store(session, row, f"sk-secret-of-number-{number}", ADDRESS)
    ApplicationSettingsService().set_openrouter_api_key("sk-or-v1-secret-of-openrouter")
    return readable()


def readable() -> dict[str, str]:
    return {connection.slug: connection.key.text for connection in live_connections() if not connection.key.trouble}


def outcomes() -> list[str]:
    return [rotated.outcome for rotated in rotate(author=COMMAND_LINE)]


@also_on_postgres
def test_every_key_is_brought_under_the_new_one_and_stays_there(make_app: MakeApp) -> None:
    with make_app().app_context():
        stored = fill(3)
    with make_app(ENCRYPTION_KEY=BOTH).app_context():
        assert outcomes() == ["rotated"] * 4
        kept = queries.stored_keys()
        assert outcomes() == ["current"] * 4
        assert queries.stored_keys() == kept

    with make_app(ENCRYPTION_KEY=NEW).app_context():
        assert readable() == stored


def test_the_command_says_what_became_of_each_and_which_key_is_needed_now(make_app: MakeApp) -> None:
    with make_app().app_context():
        fill(1)

    result = make_app(ENCRYPTION_KEY=BOTH).test_cli_runner().invoke(args=["keys", "rotate"])

    assert result.exit_code == 0, result.output
    assert result.output.count("re-encrypted") == 2
    assert "You can remove the old keys" in result.output
    assert "secret" not in result.output.replace("stored secret", "")


def test_a_key_that_nobody_can_read_is_left_alone_and_told(make_app: MakeApp) -> None:
    with make_app().app_context():
        stored = fill(2)
    stranger = Fernet.generate_key().decode()
    with make_app(ENCRYPTION_KEY=stranger).app_context():
        connections.set_key("c1", "sk-entered-again-01", author=COMMAND_LINE)

    result = make_app(ENCRYPTION_KEY=BOTH).test_cli_runner().invoke(args=["keys", "rotate"])

    assert result.exit_code == 1
    assert "can't be read" in result.output
    with make_app(ENCRYPTION_KEY=NEW).app_context():
        assert readable() == {slug: text for slug, text in stored.items() if slug != "c1"}
    with make_app(ENCRYPTION_KEY=stranger).app_context():
        assert readable() == {"c1": "sk-entered-again-01"}


def test_a_key_that_is_entered_meanwhile_stays(make_app: MakeApp) -> None:
    with make_app().app_context():
        fill(2)
    with make_app(ENCRYPTION_KEY=BOTH).app_context():
        rotating = rotate(author=COMMAND_LINE)
        next(rotating)
        for connection in live_connections():
            wish = ConnectionInput(name=connection.name, base_url=connection.own_address, key="sk-entered-just-now")
            connections.change(connection.slug, wish, author=COMMAND_LINE)
        list(rotating)
        assert set(readable().values()) == {"sk-entered-just-now"}


@pytest.mark.slow
@pytest.mark.parametrize("after", [1, 40])
@pytest.mark.mostly_deep
def test_killed_half_way_every_key_can_be_read_and_the_rest_is_done_later(
    make_app: MakeApp, app: Flask, tmp_path: Path, after: int
) -> None:
    with app.app_context():
        stored = fill(300)
    environ = {**os.environ, **KEYS, "DATA_DIR": str(tmp_path), "ENCRYPTION_KEY": BOTH}
    environ["OPENROUTER_BASE_URL"] = CONFIG.of(app).openrouter_base_url
    command = [sys.executable, "-u", "-m", "flask", "--app", "wsgi", "keys", "rotate"]
    # The small pipe makes the command block until its output is read, so that it cannot finish before it is killed.
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "bufsize": 0, "pipesize": 4096}
    with subprocess.Popen(command, cwd=ROOT, env=environ, **pipes) as rotating:
        assert rotating.stdout
        for _ in range(after):
            assert b"re-encrypted" in rotating.stdout.readline()
        rotating.send_signal(signal.SIGKILL)

    address = environ["OPENROUTER_BASE_URL"]
    with make_app(ENCRYPTION_KEY=NEW, OPENROUTER_BASE_URL=address).app_context():
        assert 0 < len(readable()) < len(stored)
    with make_app(ENCRYPTION_KEY=BOTH, OPENROUTER_BASE_URL=address).app_context():
        assert readable() == stored
        assert set(outcomes()) == {"rotated", "current"}
    with make_app(ENCRYPTION_KEY=NEW, OPENROUTER_BASE_URL=address).app_context():
        assert readable() == stored
