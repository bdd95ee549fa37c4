"""Rehearses an upgrade: runs this version's migrations on a scratch copy of a backup, and tries the application on the result.

`rehearse` makes the copy and starts `flask perform-rehearsal` on it, a process that knows no other database and can be killed
when a migration hangs. `perform` is what happens there.
"""

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import current_app
from sqlalchemy import select

from webapp.base.config import ROOT, Config
from webapp.base.current import the_config
from webapp.base.database.revisions import why_too_old
from webapp.base.database.state import found_revision, is_of_the_metadata
from webapp.base.db import db, is_sqlite
from webapp.base.errors import Invalid
from webapp.base.words import plural, size
from webapp.operations.health import backups, facts
from webapp.operations.health.proof import Pace, copied, tables_of
from webapp.people.accounts import service as accounts
from webapp.people.accounts.tables import User

# A migration that builds a table again needs its space a second and a third time.
TIMES = 3
SPARE_BYTES = 100 * 1024**2
# Of people's sessions.
COOKIE = "millrace"
DATABASE, MARK = "millrace.sqlite3", "rehearsal"
PAGES = ("/healthz", "/readyz", "/login")
PAGES_OF_OWNERS = ("/chats", "/admin/health", "/admin/people", "/settings")
# The models' state is that of their servers, and no model is asked.
CHAPTERS = ("Database", "Safety")
MOST_FAULTS = 10
NO_ROOM = "There isn't enough room to rehearse: it needs {}, and {} are free in {}. Free up space. Nothing was changed."
NEWER = "The copy is from a newer version of Millrace: its schema {} is unknown here. Update this copy of Millrace first."
NO_VERSION = "It isn't a Millrace database, or doesn't say of which version."
HANGS = "Migration {} didn't end within {}, so it was stopped."
NOT_HERE = "flask perform-rehearsal only works in the scratch folder that flask rehearse makes."
ERROR = re.compile(r"(Error|[\w.]+(Error|Exception|Exit|Interrupt)): ")
Shape = dict[str, tuple[int, dict[str, int]]]


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """How it went; without faults the upgrade can begin."""

    before: str
    after: str
    steps: int
    seconds: float
    needed_bytes: int
    faults: list[str]


def rehearse(copy: Path, *, minutes: float, migrations: Path = ROOT / "migrations") -> Rehearsal:
    """Migrates a copy of a backup, and tries the application on it; the backup and the live data are only read."""
    needed = TIMES * copy.stat().st_size + SPARE_BYTES
    parent = _existing(the_config().backup_dir)
    if (free := shutil.disk_usage(parent).free) < needed:
        raise Invalid(NO_ROOM.format(size(needed), size(free), parent))
    backups.check(copy)
    with _scratch(parent) as folder:
        copied(copy, folder / DATABASE, Pace())
        (folder / MARK).touch()
        began = time.monotonic()
        told, faults = _in_child(folder, migrations, minutes)
        return Rehearsal(
            before=told.get("before", ""),
            after=told.get("after", ""),
            steps=int(told.get("steps", 0)),
            seconds=time.monotonic() - began,
            needed_bytes=needed,
            faults=faults,
        )


@contextmanager
def fresh_copy(copy_to: Callable[[Path], object]) -> Iterator[Path]:
    """Yields a file with what the database holds now, for as long as the block runs."""
    with _scratch(_existing(the_config().backup_dir)) as folder:
        copy = folder / DATABASE
        copy_to(copy)
        yield copy


@contextmanager
def _scratch(parent: Path) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="rehearsal-", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if path.is_dir())


def _in_child(folder: Path, migrations: Path, minutes: float) -> tuple[dict[str, Any], list[str]]:
    """Returns what the process said, and the faults that it found or ended with."""
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "perform-rehearsal", str(migrations)]
    environ = _environ(the_config(), folder)
    process = subprocess.Popen(command, cwd=ROOT, env=environ, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with process:
        try:
            printed, trace = process.communicate(timeout=minutes * 60)
        except subprocess.TimeoutExpired:
            process.kill()
            printed, trace = process.communicate()
            told = _told(printed)
            return told, [HANGS.format(told.get("migration", "(none yet)"), _words(minutes))]
    told = _told(printed)
    faults = list(told.get("faults", ()))
    if process.returncode:
        tried = "On the migrated copy, the application failed: " if "after" in told else ""
        where = f"Migration {told['migration']} failed: " if told.get("migration") else tried
        faults.append(f"{where}{_reason(trace)}")
    return told, faults


def _words(minutes: float) -> str:
    return plural(round(minutes), "minute") if minutes >= 1 else plural(round(minutes * 60), "second")


def _reason(trace: str) -> str:
    """Returns the line of a traceback that names the error: what follows can be a statement with its values."""
    lines = trace.strip().splitlines()
    words = next((line for line in reversed(lines) if ERROR.match(line)), lines[-1] if lines else "it ended without a word")
    return words.removeprefix("Error: ")[:500]


def _told(printed: str) -> dict[str, Any]:
    """Returns all that was said so far, one line of JSON after another; the faults of all lines."""
    told, faults = dict[str, Any](), list[str]()
    for line in printed.splitlines():
        if line.startswith("{"):
            with suppress(ValueError):
                told |= json.loads(line)
                faults += told.pop("faults", [])
    return told | {"faults": faults}


def _environ(config: Config, folder: Path) -> dict[str, str]:
    """Returns the variables of the process: its own folder and database, our keys, and nothing of the network."""
    return {
        "ENV_FILE": os.devnull,
        "DATA_DIR": str(folder),
        "DATABASE_URL": f"sqlite:///{folder / DATABASE}",
        "SECRET_KEY": config.secret_key,
        "ENCRYPTION_KEY": ",".join(config.encryption_keys),
        "FLASK_SKIP_DOTENV": "1",
    }


def perform(migrations: Path, say: Callable[[Mapping[str, Any]], None]) -> None:
    """Migrates the scratch database of this process step by step, and says what each step loses; then tries the application."""
    config = the_config()
    if not (config.data_dir / MARK).exists() or not is_sqlite():
        raise Invalid(NOT_HERE)
    steps, before = _steps(migrations)
    say({"before": before, "steps": len(steps)})
    shape = _shape(backups.database_file())
    for revision, removes in steps:
        say({"migration": revision})
        _migrate(migrations, revision)
        now = _shape(backups.database_file())
        if losses := [f"Migration {revision} {loss}" for loss in _losses(shape, now, removes)]:
            # Without it, what comes next fails by itself.
            say({"faults": losses[:MOST_FAULTS]})
            return
        shape = now
    say({"migration": "", "after": steps[-1][0] if steps else before})
    say({"faults": [*_unsound(backups.database_file()), *_silent()][:MOST_FAULTS]})


def _steps(migrations: Path) -> tuple[list[tuple[str, frozenset[str]]], str]:
    """Returns the migrations that are due, each with what it says that it `removes`, and the revision before them."""
    # Imported late because only commands need it: a server is spared its 10 MB.
    from alembic.script import ScriptDirectory

    script = ScriptDirectory.from_config(_config(migrations))
    if len(heads := script.get_heads()) != 1:
        raise Invalid(f"The migrations have {len(heads)} heads: {', '.join(sorted(heads))}. One of them has to name the other.")
    with db.engine.connect() as connection:
        revision = found_revision(connection)
    known = [one.revision for one in script.walk_revisions()][::-1]
    if not revision:
        raise Invalid(NO_VERSION)
    if revision not in known:
        raise Invalid(why_too_old(revision) or NEWER.format(revision))
    due = known[known.index(revision) + 1 :]
    return [(one, frozenset(getattr(script.get_revision(one).module, "removes", ()))) for one in due], revision


def _config(migrations: Path) -> Any:
    return current_app.extensions["migrate"].migrate.get_config(str(migrations))


def _migrate(migrations: Path, revision: str) -> None:
    # Imported late, as above.
    from alembic import command

    command.upgrade(_config(migrations), revision)


def _shape(file: Path) -> Shape:
    """Returns how many rows each table has, and how many of them have something in each column, without full-text indexes."""
    with closing(sqlite3.connect(file)) as database:
        names = [name for name in tables_of(database) if is_of_the_metadata(name) and not name.startswith("sqlite_")]
        return {name: _filled(database, name) for name in names if name != "alembic_version"}


def _filled(database: sqlite3.Connection, table: str) -> tuple[int, dict[str, int]]:
    columns = [row[1] for row in database.execute(f'PRAGMA table_info("{table}")')]
    counts = ", ".join(f'count("{column}")' for column in columns)
    total, *filled = database.execute(f'SELECT count(*), {counts} FROM "{table}"').fetchone()
    return total, dict(zip(columns, filled, strict=True))


def _losses(before: Shape, now: Shape, removes: frozenset[str]) -> Iterator[str]:
    """Yields what a migration loses, unless it says that it does so on purpose."""
    for table, (rows, columns) in before.items():
        if table in removes:
            continue
        if table not in now:
            if rows:
                yield f"removes the table {table} with its {plural(rows, 'row')}."
            continue
        if now[table][0] < rows:
            yield f"loses {plural(rows - now[table][0], 'row')} of {table}, which had {rows:,}."
        for column, filled in columns.items():
            if column not in now[table][1] and filled and f"{table}.{column}" not in removes:
                yield f"removes the column {table}.{column}, in which {plural(filled, 'row')} had something."
            elif column in now[table][1] and now[table][1][column] < filled and now[table][0] == rows:
                yield f"empties {table}.{column} in {plural(filled - now[table][1][column], 'row')}."


def _unsound(file: Path) -> Iterator[str]:
    with closing(sqlite3.connect(file)) as database:
        if (verdict := database.execute("PRAGMA integrity_check(1)").fetchone()) != ("ok",):
            yield f"The migrated database is damaged: {verdict[0]}."
        tables = database.execute('SELECT DISTINCT "table" FROM pragma_foreign_key_check LIMIT 5').fetchall()
        if tables:
            yield f"Rows of {', '.join(name for (name,) in tables)} refer to rows that aren't there."


def _silent() -> Iterator[str]:
    """Yields what doesn't work on the migrated copy: facts that are bad, and pages that fail, also for an owner."""
    for chapter in facts.chapters():
        for fact in chapter.facts:
            if fact.tone == "bad" and chapter.title in CHAPTERS:
                yield f"{fact.name}: {fact.words}"
    client, pages = current_app.test_client(), [*PAGES]
    if owner := db.session.scalar(select(User.id).where(User.role == "owner", User.disabled_at.is_(None)).limit(1)):
        client.set_cookie(COOKIE, accounts.open_session(owner))
        pages += PAGES_OF_OWNERS
    for path in pages:
        with client.get(path) as response:
            # Who isn't signed in is sent away.
            if response.status_code >= (400 if path in PAGES else 300):
                yield f"The page {path} answers {response.status_code}."
