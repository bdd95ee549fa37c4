"""/admin/keys: the encryption key is changed through pages alone, without losing stored keys, and every step is audited."""

import ctypes
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from flask import Flask
from sqlalchemy import select

from tests.conftest import KEYS, MakeApp, signed_in
from tests.support.browser import Browser
from tests.support.page import Page
from webapp.base.audit import AuditEntry
from webapp.base.config import make_keys
from webapp.base.current import CONFIG
from webapp.base.db import db
from webapp.models.connections.effective import live_connection
from webapp.models.connections.service import ApplicationSettingsService

SECRET = "sk-or-v1-0123456789abcdef4f2a"
# CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH, with which root bypasses permissions.
PAST_PERMISSIONS = 0b110


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    make_keys(tmp_path, {"SECRET_KEY": KEYS["SECRET_KEY"]})
    return tmp_path / "encryption_key"


@pytest.fixture
def own_key(make_app: MakeApp, key_file: Path) -> MakeApp:
    """Makes applications whose encryption key is the one in the data folder."""

    def make() -> Flask:
        return make_app(ENCRYPTION_KEY=key_file.read_text().strip())

    return make


@contextmanager
def unopenable(folder: Path) -> Iterator[None]:
    """Makes the folder writable but not readable within the block, even for root."""
    libc, header = ctypes.CDLL(None), (ctypes.c_uint32 * 2)(0x20080522, 0)
    kept, fewer = (ctypes.c_uint32 * 6)(), (ctypes.c_uint32 * 6)()
    for capabilities in (kept, fewer):
        assert libc.capget(header, capabilities) == 0
    fewer[0] &= ~PAST_PERMISSIONS
    folder.chmod(0o300)
    assert libc.capset(header, fewer) == 0
    try:
        yield
    finally:
        assert libc.capset(header, kept) == 0
        folder.chmod(0o700)


def keep_secret(app: Flask) -> None:
    with app.app_context():
        ApplicationSettingsService().set_openrouter_api_key(SECRET)


def secret_of(app: Flask) -> str:
    with app.app_context():
        live = live_connection("openrouter")
        assert live
        return live.key.text


def deeds(app: Flask) -> list[str]:
    with app.app_context():
        kept = select(AuditEntry.action).where(AuditEntry.action.contains("key")).order_by(AuditEntry.id)
        return list(db.session.scalars(kept))


def fingerprints(page: Page) -> list[str]:
    return [node.text() for node in page.all(".facts code")]


@pytest.mark.slow
def test_a_key_of_ours_is_changed_by_the_page_while_the_server_runs(own_key: MakeApp, key_file: Path) -> None:
    app, before = own_key(), key_file.read_text().strip()
    keep_secret(app)
    owner = signed_in(app, "owner@example.org", "owner")
    old = fingerprints(owner.page("/admin/keys"))[0]

    page = owner.page("/admin/keys").press("Create new key")
    new = fingerprints(page)[0]
    assert new != old
    assert fingerprints(page)[:2] == [new, old]
    assert page.says("the old one")
    assert key_file.read_text().strip().split(",")[1] == before
    assert stat.S_IMODE(os.stat(key_file).st_mode) == 0o600
    assert secret_of(app) == secret_of(own_key()) == SECRET

    page = page.press("Re-encrypt now")
    assert page.says("OpenRouter")
    assert page.says("re-encrypted")
    page = owner.page("/admin/keys").press("Remove the old key")
    assert page.says("The key change is complete.")
    assert fingerprints(page)[0] == new
    assert before not in key_file.read_text()
    assert secret_of(app) == secret_of(own_key()) == SECRET
    assert deeds(app)[-3:] == ["added an encryption key", "re-encrypted a key", "removed old encryption keys"]
    assert not list(key_file.parent.glob("*.new"))


@pytest.mark.slow
def test_a_key_that_one_worker_changes_is_changed_for_all(own_key: MakeApp) -> None:
    one, other = as_one_of_two(own_key()), as_one_of_two(own_key())
    owner = signed_in(one, "owner@example.org", "owner")
    owner.page("/admin/keys").press("Create new key")
    keep_secret(one)
    assert secret_of(other) == SECRET

    # Any worker can serve the next step.
    owner = signed_in(other, "admin@example.org", "admin")
    page = owner.page("/admin/keys").press("Re-encrypt now")
    assert page.press("Remove the old key").says("The key change is complete.")
    keep_secret(one)
    assert secret_of(other) == secret_of(own_key()) == SECRET


def as_one_of_two(app: Flask) -> Flask:
    CONFIG.set(replace(CONFIG.of(app), web_concurrency=2), app)
    return app


@pytest.mark.slow
def test_no_page_shows_a_key_that_is_in_use(own_key: MakeApp, key_file: Path) -> None:
    app = own_key()
    owner = signed_in(app, "owner@example.org", "owner")
    pages = [owner.page("/admin/keys"), owner.page("/admin/keys").press("Create new key"), owner.page("/admin/health")]

    assert not [key for key in key_file.read_text().strip().split(",") for page in pages if key in page.text]


def test_a_key_that_is_needed_is_not_removed(own_key: MakeApp, key_file: Path) -> None:
    app = own_key()
    keep_secret(app)
    owner = signed_in(app, "owner@example.org", "owner")
    owner.page("/admin/keys").press("Create new key")
    both = key_file.read_text()

    assert owner.post("/admin/keys/end").status_code == 409
    assert owner.post("/admin/keys/begin").status_code == 409
    assert key_file.read_text() == both
    assert secret_of(app) == SECRET


def test_what_cannot_be_written_changes_nothing(own_key: MakeApp, key_file: Path) -> None:
    app = own_key()
    keep_secret(app)
    owner = signed_in(app, "owner@example.org", "owner")
    (key_file.parent / "encryption_key.new").mkdir()

    page = owner.post("/admin/keys/begin")

    assert page.status_code == 503
    assert page.says("so nothing was changed")
    assert len(fingerprints(owner.page("/admin/keys"))) == 2
    assert secret_of(app) == SECRET
    assert deeds(app)[-1] != "added an encryption key"


@pytest.mark.slow
def test_where_the_folder_cannot_be_opened_nothing_is_changed_either(own_key: MakeApp, key_file: Path) -> None:
    app, before = own_key(), key_file.read_text()
    owner = signed_in(app, "owner@example.org", "owner")

    with unopenable(key_file.parent):
        page = owner.post("/admin/keys/begin")

    assert page.status_code == 503
    assert page.says("so nothing was changed")
    assert key_file.read_text() == before


@pytest.mark.slow
def test_a_key_of_the_environment_is_shown_once_and_put_there_by_hand(make_app: MakeApp) -> None:
    app = make_app()
    keep_secret(app)
    owner = signed_in(app, "owner@example.org", "owner")
    page = owner.page("/admin/keys").press("Create new key")
    key = page.textbox("Your new encryption key to copy").value

    assert Fernet(key)
    assert key not in owner.page("/admin/keys").text
    assert owner.post("/admin/keys/begin").status_code == 409
    assert owner.post("/admin/keys/end").status_code == 409
    assert deeds(app)[-1] == "created an encryption key"

    restarted = make_app(ENCRYPTION_KEY=f"{key},{KEYS['ENCRYPTION_KEY']}")
    admin = signed_in(restarted, "ada@example.org", "admin")
    assert admin.page("/admin/keys").says("the old one")
    assert admin.page("/admin/keys").press("Re-encrypt now").says("re-encrypted")
    assert secret_of(make_app(ENCRYPTION_KEY=key)) == SECRET


def test_what_no_key_opens_says_so_and_is_no_obstacle(own_key: MakeApp, key_file: Path, make_app: MakeApp) -> None:
    keep_secret(make_app(ENCRYPTION_KEY=Fernet.generate_key().decode()))
    owner = signed_in(own_key(), "owner@example.org", "owner")

    page = owner.page("/admin/keys")
    assert page.says("a missing key")
    page.press("Create new key")
    assert owner.page("/admin/keys").press("Remove the old key").says("The key change is complete.")


def test_the_pages_lead_there(owner: Browser) -> None:
    assert owner.page("/admin/connections").click("Advanced").click("Keys").heading == "Keys"
    assert owner.page("/admin/keys").says("Nothing yet.")


@pytest.mark.parametrize("step", ["", "/generate", "/begin", "/rotate", "/end"])
def test_members_are_refused_and_visitors_sign_in_first(step: str, member: Browser, visitor: Browser) -> None:
    ask = (lambda who: who.post(f"/admin/keys{step}")) if step else (lambda who: who.get("/admin/keys"))
    assert ask(member).status_code == 403
    assert ask(visitor).location.startswith("/login")
