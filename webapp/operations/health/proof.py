"""One backup and its proof, in a process of its own: `python -m webapp.operations.health.proof < order`.

The process copies a snapshot of an SQLite database and the files beside it, restores the copy into a scratch folder and compares
every row of every table, by a checksum of each table, with the snapshot. It uses only its share of one core: after each piece of
work it sleeps as long as it takes. It imports no library, so it is small, and it is killed with the server.
"""

import hashlib
import json
import marshal
import os
import shutil
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

from webapp.base.words import plural, size

NICENESS = 19
# A page has 4 KB: a step of the copy and a piece of a file are a megabyte, and take about a millisecond.
PAGES_AT_ONCE, BYTES_AT_ONCE, ROWS_AT_ONCE, INSTRUCTIONS_AT_ONCE = 256, 1024**2, 50, 20_000
# What the disk keeps free for the running server.
SPARE_BYTES = 200 * 1024**2
# While a snapshot is open, the database's log only grows.
MOST_LOG_BYTES = 1024**3
LEAST_SLEEP_SECONDS = 0.002
# More names would fill the page.
MOST_NAMED = 3
NO_ROOM = "There isn't enough room: the copy needs {}, and {} are free in {}. Free up space, or set BACKUP_DIR to another disk."
TOO_BUSY = "So much was written while the database was copied that its log grew to {}. Choose a quieter hour."
UNFINISHED, LIST, FILES = ".unfinished", ".json", ".files"
Sums = dict[str, list[Any]]


class Refused(Exception):
    """Why there is no backup, as a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What to copy and where to; `links_to` is an earlier copy, of which unchanged files are linked.

    `again` is an earlier copy that is proved once more.
    """

    database: Path
    files_dir: Path
    copy: Path
    revision: str
    links_to: Path | None = None
    again: Path | None = None
    share: float = 0.1
    spare_bytes: int = SPARE_BYTES

    @classmethod
    def read(cls, stream: IO[str]) -> "Order":
        values = json.load(stream)
        paths = {name: Path(values[name]) if values[name] else None for name in ("links_to", "again")}
        places = {name: Path(values[name]) for name in ("database", "files_dir", "copy")}
        return cls(**{**values, **paths, **places})

    def written(self) -> str:
        return json.dumps({name: str(value) if isinstance(value, Path) else value for name, value in asdict(self).items()})


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What a copy holds, as the snapshot had it: stored beside the copy, so that it can be proved at any time."""

    revision: str
    bytes: int
    sums: Sums
    files: list[str]
    file_bytes: int

    @property
    def rows(self) -> int:
        return sum(count for count, _ in self.sums.values())


@dataclass(slots=True)
class Proof:
    """Faults are what the copy lost, so it isn't one; warnings are what is wrong with the data that it holds."""

    faults: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    restore_seconds: float = 0.0


class Pace:
    """Holds this process to its share of one core, over the whole time that it runs."""

    def __init__(self, share: float = 1.0, *, spent: float = 0.0) -> None:
        self._share, self._began, self.slept = share, time.monotonic(), 0.0
        self._idle = time.process_time() - spent
        self._parent, self.watches = os.getppid(), list[Callable[[], None]]()
        self._watched = self._began

    def rest(self) -> int:
        """Sleeps until this process is within its share; returns 0, which lets SQLite go on."""
        now = time.monotonic()
        # Again, as other threads or greenlets of the process can use the core meanwhile.
        while (seconds := self._owed_seconds) > LEAST_SLEEP_SECONDS:
            time.sleep(seconds)
            self.slept += seconds
        if now - self._watched > 1:
            self._watched = now
            if os.getppid() != self._parent:
                # The server has gone, and would never read the result.
                sys.exit(1)
            for watch in self.watches:
                watch()
        return 0

    @property
    def active(self) -> float:
        """The seconds in which this process did not sleep."""
        return time.monotonic() - self._began - self.slept

    @property
    def used(self) -> float:
        """The part of one core that this process has used."""
        return self._used_seconds / max(time.monotonic() - self._began, 0.001)

    @property
    def _owed_seconds(self) -> float:
        return self._used_seconds / self._share - (time.monotonic() - self._began) if self._share < 1 else 0.0

    @property
    def _used_seconds(self) -> float:
        return time.process_time() - self._idle


def make(order: Order, pace: Pace) -> tuple[Contents, Proof]:
    """Copies database and files and proves the copy; only one without faults gets its name, all at once."""
    _refuse_without_room(order)
    order.copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = with_end(order.copy, UNFINISHED)
    try:
        sums = _snapshot(order.database, unfinished, pace)
        names = _copy_files(order, with_end(unfinished, FILES), pace)
        contents = Contents(
            revision=revision_of(unfinished),
            bytes=unfinished.stat().st_size,
            sums=sums,
            files=names,
            file_bytes=sum((with_end(unfinished, FILES) / name).stat().st_size for name in names),
        )
        proof = prove(unfinished, contents, pace, order=order)
        if not proof.faults:
            _name(unfinished, order.copy, contents)
        return contents, proof
    finally:
        remove(unfinished)


def prove(copy: Path, contents: Contents, pace: Pace, *, order: Order | None = None) -> Proof:
    """Restores a copy into a scratch file and compares it with what the snapshot held.

    With the order that it was made by, also says what is wrong with the data themselves, which a faithful copy has too.
    """
    proof, scratch = Proof(), with_end(copy, ".scratch")
    try:
        if (bytes_now := copy.stat().st_size) != contents.bytes:
            proof.faults.append(f"It has {size(bytes_now)}, not {size(contents.bytes)}.")
            return proof
        began = pace.active
        copied(copy, scratch, pace)
        with closing(sqlite3.connect(scratch, isolation_level=None)) as database:
            proof.restore_seconds = pace.active - began
            _compare(database, contents, proof, pace)
            if order and not proof.faults:
                _judge(database, contents.files, proof, order)
        began = pace.active
        _compare_files(with_end(copy, FILES), contents.files, proof, pace, order.files_dir if order else None)
        proof.restore_seconds += pace.active - began
    except sqlite3.DatabaseError as error:
        proof.faults.append(f"It can't be read as a database: {error}.")
    except FileNotFoundError:
        proof.faults.append("The file is missing.")
    finally:
        remove(scratch)
    return proof


def prove_again(copy: Path, pace: Pace) -> Proof:
    """Proves an earlier copy by the list beside it."""
    try:
        contents = contents_of(copy)
    except (OSError, ValueError, TypeError):
        return Proof(faults=[f"Its list {with_end(copy, LIST).name} can't be read."])
    return prove(copy, contents, pace)


def contents_of(copy: Path) -> Contents:
    return Contents(**json.loads(with_end(copy, LIST).read_text("utf-8")))


def sums_of(database: sqlite3.Connection, rest: Callable[[], object] = lambda: None) -> Sums:
    """Returns the number of rows of each table, and a checksum of all of them in their order."""
    # Text that isn't valid is compared as it is, not refused.
    database.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
    sums: Sums = {}
    for name in tables_of(database):
        digest, count = hashlib.blake2b(digest_size=16), 0
        cursor = database.execute(f"SELECT * FROM {_quoted(name)}")
        while rows := cursor.fetchmany(ROWS_AT_ONCE):
            count += len(rows)
            for row in rows:
                # This version of the format writes equal rows as equal bytes.
                digest.update(marshal.dumps(row, 2))
            rest()
        sums[name] = [count, digest.hexdigest()]
    return sums


def tables_of(database: sqlite3.Connection) -> list[str]:
    """Returns the names of all tables that have pages of their own; those of full-text indexes too."""
    query = "SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage > 0 ORDER BY name"
    return [name for (name,) in database.execute(query)]


def revision_of(database: Path) -> str:
    with closing(_read_only(database)) as connection:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return str(row[0]) if row else ""


def with_end(path: Path, end: str) -> Path:
    return path.with_name(path.name + end)


def remove(copy: Path) -> None:
    """Removes a copy with all that lies beside it under its name."""
    for end in ("", "-wal", "-shm", "-journal", LIST, ".scratch", ".scratch-wal", ".scratch-shm", ".scratch-journal"):
        with_end(copy, end).unlink(missing_ok=True)
    shutil.rmtree(with_end(copy, FILES), ignore_errors=True)


def copied(source: Path, target: Path, pace: Pace) -> str:
    """Copies a file in pieces, down to the disk; returns the hash of what was read."""
    digest = hashlib.sha256()
    with source.open("rb") as reader, open(os.open(target, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "wb") as writer:
        for piece in _pieces(reader, pace):
            digest.update(piece)
            writer.write(piece)
        writer.flush()
        os.fsync(writer.fileno())
    return digest.hexdigest()


def _pieces(reader: IO[bytes], pace: Pace) -> Iterator[bytes]:
    while piece := reader.read(BYTES_AT_ONCE):
        yield piece
        pace.rest()


def _refuse_without_room(order: Order) -> None:
    """Raises `Refused` if the disk lacks room for the copy, for restoring it, and for what the server writes meanwhile."""
    there = order.copy.parent if order.copy.parent.exists() else order.copy.parent.parent
    linked = {path.name for path in with_end(order.links_to, FILES).glob("*/*")} if order.links_to else set()
    new_bytes = sum(path.stat().st_size for path in order.files_dir.glob("*/*") if path.name not in linked)
    needed = 2 * order.database.stat().st_size + new_bytes + order.spare_bytes
    free = shutil.disk_usage(there).free
    if free < needed:
        raise Refused(NO_ROOM.format(size(needed), size(free), order.copy.parent))


def _snapshot(database: Path, copy: Path, pace: Pace) -> Sums:
    """Copies one moment of a database that others write to; returns the sums of that moment."""
    log = with_end(database, "-wal")

    def refuse_long_log() -> None:
        if log.exists() and log.stat().st_size > MOST_LOG_BYTES:
            raise Refused(TOO_BUSY.format(size(log.stat().st_size)))

    os.close(os.open(copy, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600))
    pace.watches.append(refuse_long_log)
    with closing(_read_only(database)) as source, closing(sqlite3.connect(copy)) as target:
        # Within a transaction every step copies the same moment. Without one, each write of others would make it begin again.
        source.execute("BEGIN")
        source.execute("SELECT 1 FROM sqlite_schema").fetchone()
        target.execute("PRAGMA synchronous=OFF")
        source.backup(target, pages=PAGES_AT_ONCE, progress=lambda *_pages: pace.rest())
        target.execute("PRAGMA journal_mode=DELETE")
        sums = sums_of(source, pace.rest)
    pace.watches.remove(refuse_long_log)
    with copy.open("rb") as file:
        os.fsync(file.fileno())
    return sums


def _copy_files(order: Order, folder: Path, pace: Pace) -> list[str]:
    """Copies the files, or links those that the earlier copy has; returns their names. Each is named after its content."""
    names = list[str]()
    earlier = with_end(order.links_to, FILES) if order.links_to else None
    for path in sorted(order.files_dir.glob("*/*")):
        name = f"{path.parent.name}/{path.name}"
        if path.name.endswith(UNFINISHED) or not path.is_file():
            continue
        copy = folder / name
        copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # The server can delete a file at the same time.
        with suppress(FileNotFoundError):
            if not (earlier and _linked(earlier / name, copy)):
                copied(path, copy, pace)
            names.append(name)
        pace.rest()
    return names


def _linked(earlier: Path, copy: Path) -> bool:
    try:
        os.link(earlier, copy)
    except OSError:
        # It is new, or this disk has no links.
        return False
    return True


def _compare(database: sqlite3.Connection, contents: Contents, proof: Proof, pace: Pace) -> None:
    database.set_progress_handler(pace.rest, INSTRUCTIONS_AT_ONCE)
    verdict = database.execute("PRAGMA integrity_check(1)").fetchone()
    database.set_progress_handler(None, 0)
    if verdict != ("ok",):
        proof.faults.append(f"It is damaged: {str(verdict[0]).splitlines()[-1]}.")
    sums, faults = sums_of(database, pace.rest), list[str]()
    for name in sorted(contents.sums.keys() | sums.keys()):
        before, now = contents.sums.get(name), sums.get(name)
        if now is None:
            faults.append(f"The table {name} is missing.")
        elif before is None:
            faults.append(f"The table {name} wasn't there.")
        elif before[0] != now[0]:
            faults.append(f"{name} has {plural(now[0], 'row')}, not {before[0]:,}.")
        elif list(before) != now:
            faults.append(f"{name} has other values than the database had.")
    proof.faults += faults[:MOST_NAMED]
    if len(faults) > MOST_NAMED:
        proof.faults.append(f"{plural(len(faults) - MOST_NAMED, 'more table')} differ.")


def _judge(database: sqlite3.Connection, names: Sequence[str], proof: Proof, order: Order) -> None:
    """Warns of rows that refer to nothing, of another schema, and of files that rows name and that are nowhere."""
    if orphans := database.execute('SELECT DISTINCT "table" FROM pragma_foreign_key_check LIMIT 5').fetchall():
        proof.warnings.append(f"Rows of {', '.join(name for (name,) in orphans)} refer to rows that aren't there.")
    row = database.execute("SELECT version_num FROM alembic_version").fetchone()
    if (revision := row[0] if row else "none") != order.revision:
        proof.warnings.append(f"Its schema is {revision}, not {order.revision}. Run flask prepare after restoring it.")
    if lost := _needed_files(database) - set(names):
        # One that was deleted while the files were copied isn't missed.
        with closing(_read_only(order.database)) as now:
            lost &= _needed_files(now)
    if lost:
        words = f"{_are(len(lost), 'file that chats name')} missing in {order.files_dir}: {_few(sorted(lost))}."
        proof.warnings.append(words)


def _needed_files(database: sqlite3.Connection) -> set[str]:
    if "files" not in tables_of(database):
        return set()
    return {f"{hash[:2]}/{hash}" for (hash,) in database.execute("SELECT DISTINCT hash FROM files WHERE hash != ''")}


def _compare_files(folder: Path, names: Sequence[str], proof: Proof, pace: Pace, files_dir: Path | None) -> None:
    missing, changed, damaged = list[str](), list[str](), list[str]()
    for name in names:
        path = folder / name
        if not path.is_file():
            missing.append(name)
        elif hash_of(path, pace) != path.name:
            # A copy is no worse than what it was made of.
            is_faithful = files_dir and (files_dir / name).is_file() and hash_of(files_dir / name, pace) != path.name
            (damaged if is_faithful else changed).append(name)
    if missing:
        proof.faults.append(f"{_are(len(missing), 'file')} missing: {_few(missing)}.")
    if changed:
        proof.faults.append(f"{plural(len(changed), 'file')} {'has' if len(changed) == 1 else 'have'} changed: {_few(changed)}.")
    if damaged:
        proof.warnings.append(f"{_are(len(damaged), 'file')} damaged in {files_dir}: {_few(damaged)}.")


def hash_of(path: Path, pace: Pace) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as reader:
        for piece in _pieces(reader, pace):
            digest.update(piece)
    return digest.hexdigest()


def _name(unfinished: Path, copy: Path, contents: Contents) -> None:
    """Gives a proved copy its name: the database last, as a copy counts by it."""
    with_end(copy, LIST).write_text(json.dumps(asdict(contents)), "utf-8")
    if with_end(unfinished, FILES).exists():
        with_end(unfinished, FILES).rename(with_end(copy, FILES))
    unfinished.rename(copy)


def _are(count: int, noun: str) -> str:
    return f"{count:,} {noun} is" if count == 1 else f"{count:,} {noun.replace('file', 'files', 1)} are"


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMED:,} more" if len(names) > MOST_NAMED else ""
    return ", ".join(Path(name).name[:12] for name in names[:MOST_NAMED]) + more


def _read_only(database: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{quote(str(database.absolute()))}?mode=ro", uri=True, isolation_level=None)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def main() -> None:
    """Reads an order, and writes what came of it: one line of JSON."""
    order = Order.read(sys.stdin)
    os.nice(NICENESS)
    # With what the start of this process took.
    pace = Pace(order.share, spent=time.process_time())
    try:
        contents, proof = make(order, pace)
    except Refused as refusal:
        result: Mapping[str, Any] = {"faults": [str(refusal)]}
    except (OSError, sqlite3.Error) as error:
        result = {"faults": [f"The copy couldn't be made: {_reason(error)}."]}
    else:
        again = prove_again(order.again, pace) if order.again else Proof()
        # Its summary: the lists are beside the copy.
        counts = {"tables": len(contents.sums), "rows": contents.rows, "bytes": contents.bytes, "files": len(contents.files)}
        result = {**asdict(proof), **counts, "file_bytes": contents.file_bytes, "again": again.faults}
    pace.rest()
    sys.stdout.write(json.dumps({**result, "share": pace.used}))


def _reason(error: OSError | sqlite3.Error) -> str:
    if isinstance(error, OSError):
        return ": ".join(filter(None, (str(error.filename or ""), error.strerror or str(error))))
    return str(error)


if __name__ == "__main__":
    main()
