"""A canary key: it appears nowhere but in requests to the server that it was entered for."""

import os
import re
import signal
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pytest
from cryptography.fernet import Fernet
from flask import Flask

from tests.conftest import KEYS, MakeApp, signed_in
from tests.support.browser import Browser
from tests.upstream.handle import Upstream as Fake
from webapp.base import logs
from webapp.base.config import ROOT
from webapp.models.connections.effective import live_connections
from webapp.models.connections.providers import providers

CANARY = "sk-or-v1-canary-d41d8cd98f00b204e9800998ecf8427e"
# Every part of it that is long enough to help an attacker.
PARTS = [CANARY[at : at + 10] for at in range(len(CANARY) - 9)]
TELLTALE = re.compile("|".join(map(re.escape, PARTS[9:])))
NEW = Fernet.generate_key().decode()
ECHO = {"error": {"code": 400, "message": f"Bad header: Authorization: Bearer {CANARY} ({CANARY[12:40]})"}}
ECHOES = [{"status": 401, "json": ECHO}, {"status": 400, "json": ECHO}, {"status": 500, "text": f"key={CANARY}"}]


def rotate_and_kill(environ: dict[str, str]) -> bytes:
    command = [sys.executable, "-u", "-m", "flask", "--app", "wsgi", "keys", "rotate"]
    with subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as rotating:
        assert rotating.stdout
        said = rotating.stdout.readline()
        rotating.send_signal(signal.SIGKILL)
        return said + rotating.stdout.read()


def provoke(owner: Browser, fake: Fake) -> list[str]:
    """Returns every page that could show a reply in which a server echoes the key."""
    pages = []
    for echo in ECHOES:
        fake.behaves([echo], at="/key")
        fake.behaves([echo] * 9)
        pages.append(owner.page("/admin/connections/openrouter").press("Test key"))
        chat = owner.page("/").press("Send", message="Hello")
        pages.append(owner.wait_for(chat.path, lambda page: bool(page.all('article[data-status="failed"]')), seconds=60))
        fake.reset()
    fake.behaves(ECHOES[:1], at="/models")
    pages.append(owner.page("/admin/models").press("Refresh"))
    return [page.text for page in pages]


@pytest.mark.slow
def test_a_key_is_found_nowhere_but_in_the_request(
    make_app: MakeApp, fake: Fake, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    both = {"ENCRYPTION_KEY": f"{NEW},{KEYS['ENCRYPTION_KEY']}"}
    usual = {"OPENROUTER_BASE_URL": fake.base_url, "DEBUG": "*"}
    app = make_app(**usual)
    owner = signed_in(app, "olive@example.org", "owner")
    shown = [owner.submit("/admin/connections/openrouter", key=CANARY).text]
    second = owner.submit("/admin/connections/new", name="Second", base_url=fake.base_url, key=CANARY)
    shown += [second.text, second.press("Test key").text]
    owner.page("/").press("Send", message="Hello", model="fake/plain").until(status="completed")
    assert {entry["headers"]["authorization"] for entry in fake.log()} == {f"Bearer {CANARY}"}
    assert not [entry for entry in fake.log() if CANARY in f"{entry['path']} {entry['body']}"]

    shown += provoke(owner, fake)
    shown.append(owner.submit("/admin/connections/openrouter", key=CANARY, base_url="http://169.254.169.254/").text)
    said = rotate_and_kill({**os.environ, **KEYS, **both, **usual, "DATA_DIR": str(tmp_path)})
    rotated = make_app(**usual, **both)
    said += rotated.test_cli_runner().invoke(args=["keys", "rotate"]).output.encode()
    with make_app(**usual, ENCRYPTION_KEY=NEW).app_context():
        assert [connection.key.text for connection in live_connections()] == [CANARY, CANARY]
        said += repr([*live_connections(), providers(), providers().provider("second")]).encode()
    rotated.test_cli_runner().invoke(args=["backup", str(tmp_path / "backup.sqlite3")])

    paths = [str(rule) for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ()) and not rule.arguments]
    seen = [path for path in paths if path != "/setup" and not path.endswith(("/events", "/stream", ".zip"))]
    # The pages include pictures.
    shown += [owner.client.get(path).data.decode("latin-1") for path in seen]
    with ZipFile(BytesIO(owner.client.get("/export.zip").data)) as archive:
        shown += [archive.read(name).decode() for name in archive.namelist()]
    shown += [owner.page(f"/admin/connections/{slug}").text for slug in ("openrouter", "second")]
    assert [place for place in shown if TELLTALE.search(place)] == []
    assert TELLTALE.search(said.decode()) is None
    logged = "".join(capfd.readouterr())
    assert TELLTALE.search(logged) is None
    assert "stream_begun" in logged
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {"millrace.sqlite3", "backup.sqlite3"} <= {path.name for path in files}
    assert [path.name for path in files if TELLTALE.search(path.read_bytes().decode("latin-1"))] == []


def test_a_line_that_holds_the_key_is_masked(app: Flask, owner: Browser) -> None:
    owner.submit("/admin/connections/openrouter", key=CANARY)

    assert logs.redacted(f"about {CANARY}") == "about ***"
