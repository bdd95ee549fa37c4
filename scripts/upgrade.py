"""Moves an installation without git: takes the data of the version in another folder, or gives it back.

    make upgrade FROM=../millrace-1.0.0     in the new folder
    make rollback TO=../millrace-1.0.0      in the new folder, too: only newer files can undo what they did to a database

Nothing is copied twice and nothing is deleted: a data folder inside the old one is moved, any other stays in its place.

A version from before the first migration here goes by way of the release that has its migrations, from beside this folder.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from webapp.base.database.revisions import BASE_RELEASE, is_too_old, revisions_of
from webapp.base.env_file import parse
from webapp.base.process.instance_lock import is_held

HERE = Path(__file__).resolve().parent.parent
RELEASES = re.compile(rf"millrace-{re.escape(BASE_RELEASE)}\.(\d+)(\.tar\.gz)?")
NO_BASE_RELEASE = (
    "{old} is from before Millrace {release}, which has to migrate the database first. Get the newest archive "
    "millrace-{release}.*.tar.gz from where you got this version, put it into {beside}, and run the same command again: "
    "it goes by way of {release}. Nothing was changed."
)


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
    """Takes over from the old version; one that is too old is first upgraded to the release that can migrate its database."""
    if not is_too_old(revisions_of(old)[-1]):
        take_over(old)
        return
    places_of(old)
    between = base_release(old)
    make(between, "upgrade", f"FROM={old}")
    try:
        take_over(between)
    except Refusal as refusal:
        again = f"The data is in {between} now. Start it there, or run here: make upgrade FROM={between}"
        raise Refusal(f"{refusal}\n{again}") from refusal


def take_over(old: Path) -> None:
    """Backs up with the old version, rehearses on that, takes its settings and data, and prepares the database."""
    if revisions_of(old)[-1] not in revisions_of(HERE):
        raise Refusal(f"{old} is newer than this version. Nothing was changed.")
    data, to = places_of(old)
    saved = backup(old, data, f"before-{HERE.name}")
    rehearse(saved, data, old)
    if (old / ".env").is_file() and not (HERE / ".env").exists():
        shutil.copy2(old / ".env", HERE / ".env")
    move(data, to)
    try:
        flask(HERE, "prepare")
    except Refusal:
        move(to, data)
        raise
    print(f"Upgraded from {old}. Backup from before: {to / saved.relative_to(data)}")
    print(f"Start it here, with make run. To go back, stop it and run: make rollback TO={old}")


def places_of(old: Path) -> tuple[Path, Path]:
    """Returns where the data is and where it is about to be; raises `Refusal` if it can't be taken over."""
    data = data_of(old)
    # With the settings that this version is about to have.
    to = data_of(HERE, settings=HERE if (HERE / ".env").exists() else old)
    if not data.is_dir():
        raise Refusal(f"There is no data in {data}. Nothing was changed.")
    refuse_running(data)
    refuse_lost(data, to, old)
    return data, to


def base_release(old: Path) -> Path:
    """Returns the folder of the newest release beside this one that can migrate an old version, unpacked if need be."""
    numbers = {int(found[1]) for path in HERE.parent.iterdir() if (found := RELEASES.fullmatch(path.name))}
    for number in sorted(numbers, reverse=True):
        folder = HERE.parent / f"millrace-{BASE_RELEASE}.{number}"
        if not folder.is_dir():
            unpack(HERE.parent / f"{folder.name}.tar.gz")
        if revisions_of(old)[-1] in revisions_of(folder):
            return folder
    raise Refusal(NO_BASE_RELEASE.format(old=old, release=BASE_RELEASE, beside=HERE.parent))


def unpack(archive: Path) -> None:
    """Unpacks a release beside its archive, completely or not at all."""
    print(f"Unpacking {archive}")
    with tempfile.TemporaryDirectory(dir=archive.parent) as scratch:
        if subprocess.run(["tar", "-xzf", archive, "-C", scratch]).returncode:
            raise Refusal(f"{archive} can't be unpacked: see above. Nothing was changed.")
        name = archive.name.removesuffix(".tar.gz")
        (Path(scratch) / name).rename(archive.parent / name)


def roll_back(old: Path) -> None:
    """Gives the data back; one that is too old gets it by way of the release that can undo the migrations up to here."""
    if is_too_old(revisions_of(old)[-1]):
        between = base_release(old)
        give_back(between)
        make(between, "rollback", f"TO={old}")
        return
    give_back(old)
    print(f"{old} has its data again. Start it there, with make run.")


def give_back(old: Path) -> None:
    """Undoes the migrations that the other version doesn't know, and moves the data."""
    data, to = data_of(HERE), data_of(old)
    refuse_running(data)
    refuse_lost(data, to, HERE)
    backup(HERE, data, f"before-going-back-to-{old.name}")
    flask(HERE, "db", "downgrade", revisions_of(old)[-1])
    move(data, to)


def refuse_lost(data: Path, to: Path, old: Path) -> None:
    """Raises `Refusal` if the version that takes over would not find the data of the old one, or has data already."""
    if to.exists() and to.resolve() != data.resolve():
        raise Refusal(f"{to} exists already. Move it away first. Nothing was changed.")
    if old not in data.parents and to.resolve() != data.resolve():
        raise Refusal(f"The data is in {data}, but the other version would look in {to}. Set DATA_DIR. Nothing was changed.")
    for name in ("FILES_DIR", "BACKUP_DIR", "DATABASE_URL"):
        value = value_of(name, old).removeprefix("sqlite:///")
        place = Path(value).expanduser()
        is_kept = place.is_absolute() or data in Path(os.path.abspath(old / place)).parents
        if value and "://" not in value and not is_kept:
            raise Refusal(f"{name} is a place inside {old}. Move it away, and write its whole path. Nothing was changed.")


def backup(folder: Path, data: Path, name: str) -> Path:
    """Makes a backup with the version in this folder; its time tells it from one of an earlier upgrade."""
    file = data / "backups" / f"{name}-{datetime.now():%Y%m%d-%H%M%S}.sqlite3"
    file.parent.mkdir(mode=0o700, exist_ok=True)
    flask(folder, "backup", str(file))
    return file


def rehearse(saved: Path, data: Path, old: Path) -> None:
    """Has the new version migrate a scratch copy of the backup, with the keys and settings of the old one."""
    environ = {**os.environ, "DATA_DIR": str(data)}
    if "ENV_FILE" not in environ and (old / ".env").is_file():
        environ["ENV_FILE"] = str(old / ".env")
    flask(HERE, "rehearse", str(saved), environ=environ)


def move(data: Path, to: Path) -> None:
    """Moves a data folder, unless both are the same; instead of a link, another one to the same folder is made."""
    if to.resolve() == data.resolve():
        return
    to.parent.mkdir(parents=True, exist_ok=True)
    if data.is_symlink():
        to.symlink_to(data.resolve())
    else:
        shutil.move(data, to)


def data_of(folder: Path, *, settings: Path | None = None) -> Path:
    """Returns the data folder of an installation, with its own settings or those of another folder; a link stays one."""
    return Path(os.path.abspath(folder / Path(value_of("DATA_DIR", settings or folder) or "data").expanduser()))


def value_of(name: str, folder: Path) -> str:
    """Returns a variable as the version in a folder reads it; empty if it isn't set."""
    file = Path(os.environ.get("ENV_FILE", "").strip() or folder / ".env").expanduser()
    values, _ = parse(file.read_text("utf-8")) if file.is_file() else ({}, [])
    return os.environ.get(name, values.get(name, "")).strip()


def refuse_running(data: Path) -> None:
    """Raises `Refusal` while a server uses this data folder: on PostgreSQL, only its workers hold locks."""
    for lock in (data / "server.lock", *sorted((data / "workers").glob("*"))):
        if lock.is_file() and is_held(lock):
            raise Refusal(f"A server is running on {data}. Stop it first: it saves every answer in progress.")


def flask(folder: Path, *words: str, environ: Mapping[str, str] | None = None) -> None:
    if subprocess.run([folder / ".venv" / "bin" / "flask", *words], cwd=folder, env=environ).returncode:
        raise Refusal(f"flask {' '.join(words)} failed in {folder}: see above.")


def make(folder: Path, *words: str) -> None:
    # Without the words that were given to this `make`, which would be those of the other one too.
    environ = {name: value for name, value in os.environ.items() if name != "MAKEFLAGS"}
    if subprocess.run(["make", *words], cwd=folder, env=environ).returncode:
        raise Refusal(f"make {' '.join(words)} failed in {folder}: see above.")


if __name__ == "__main__":
    main(*sys.argv[1:])
