"""Moves an installation without git: takes the data of the version in another folder, or gives it back.

    make upgrade FROM=../millrace-1.0.0     in the new folder
    make rollback TO=../millrace-1.0.0      in the new folder, too: only newer files can undo what they did to a database

Nothing is copied twice and nothing is deleted: a data folder inside the old one is moved, any other stays in its place.
"""

import fcntl
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from webapp.env_file import parse

HERE = Path(__file__).resolve().parent.parent
REVISION = re.compile(r"(\d{4})_\w+\.py")


class Refusal(Exception):
    """Why it can't be done; the message says what to do."""


def main(how: str, folder: str) -> None:
    """Upgrades from, or rolls back to, the version in this folder."""
    other = Path(folder).expanduser().resolve()
    try:
        if other == HERE or not (other / "wsgi.py").is_file() or not (other / "migrations" / "versions").is_dir():
            raise Refusal(f"{folder or 'That'} isn't the folder of another version of Millrace. Nothing was changed.")
        (upgrade if how == "upgrade" else roll_back)(other)
    except Refusal as refusal:
        sys.exit(str(refusal))


def upgrade(old: Path) -> None:
    """Backs up with the old version, takes its settings and data, and prepares the database."""
    if newest_revision(old) > newest_revision(HERE):
        raise Refusal(f"{old} is newer than this version. Nothing was changed.")
    data, is_inside = data_of(old)
    if not data.is_dir():
        raise Refusal(f"There is no data in {data}. Nothing was changed.")
    refuse_running(data)
    saved = backup(old, data, f"before-{HERE.name}")
    if (old / ".env").is_file() and not (HERE / ".env").exists():
        shutil.copy2(old / ".env", HERE / ".env")
    here = move(data, HERE / "data") if is_inside else data
    try:
        flask(HERE, "prepare")
    except Refusal:
        if is_inside:
            move(here, data)
        raise
    print(f"Upgraded from {old}. Backup from before: {here / saved.relative_to(data)}")
    print(f"Start it here, with make run. To go back, stop it and run: make rollback TO={old}")


def roll_back(old: Path) -> None:
    """Undoes the migrations that the other version doesn't know, and gives the data back."""
    data, is_inside = data_of(HERE)
    refuse_running(data)
    if is_inside and (old / "data").exists():
        raise Refusal(f"{old} has data of its own. Move {old / 'data'} away first. Nothing was changed.")
    backup(HERE, data, f"before-going-back-to-{old.name}")
    flask(HERE, "db", "downgrade", newest_revision(old))
    if is_inside:
        move(data, old / "data")
    print(f"{old} has its data again. Start it there, with make run.")


def backup(folder: Path, data: Path, name: str) -> Path:
    """Makes a backup with the version in this folder, unless an earlier try has made it."""
    file = data / "backups" / f"{name}.sqlite3"
    file.parent.mkdir(mode=0o700, exist_ok=True)
    if not file.exists():
        flask(folder, "backup", str(file))
    return file


def move(data: Path, to: Path) -> Path:
    if to.exists():
        raise Refusal(f"{to} exists already. Move it away first. Nothing was changed.")
    shutil.move(data, to)
    return to


def newest_revision(folder: Path) -> str:
    """Returns the newest schema version that the files in a folder know."""
    names = (REVISION.fullmatch(each.name) for each in (folder / "migrations" / "versions").iterdir())
    return max((found[1] for found in names if found), default="")


def data_of(folder: Path) -> tuple[Path, bool]:
    """Returns the data folder of an installation, and whether it is the one inside it, which is the default."""
    file = folder / ".env"
    values, _ = parse(file.read_text("utf-8")) if file.is_file() else ({}, [])
    chosen = os.environ.get("DATA_DIR", "").strip() or values.get("DATA_DIR", "")
    inside = folder / "data"
    data = (folder / chosen).resolve() if chosen else inside
    return data, data == inside.resolve()


def refuse_running(data: Path) -> None:
    """Raises `Refusal` while a server uses this data folder."""
    lock = data / "server.lock"
    if not lock.is_file():
        return
    with lock.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refusal(f"A server is running on {data}. Stop it first: it saves every answer in progress.") from None


def flask(folder: Path, *words: str) -> None:
    if subprocess.run([folder / ".venv" / "bin" / "flask", *words], cwd=folder).returncode:
        raise Refusal(f"flask {' '.join(words)} failed in {folder}: see above.")


if __name__ == "__main__":
    main(*sys.argv[1:])
