"""The backup of every night, restored and compared: when one is due, who makes it, what came of it, and which copies are kept.

`proof.py` does the work in a child process. What came of the last runs is a file beside the copies, not rows of the database that
they are for: so it can be read when that is damaged, and a restored database doesn't bring back what another one did.
"""

import fcntl
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

from webapp.base import audit, languages
from webapp.base.config import ROOT
from webapp.base.current import PerApp, the_config
from webapp.base.database.revisions import newest_revision
from webapp.base.db import db, is_sqlite, utc_now
from webapp.base.errors import Conflict, Invalid
from webapp.base.languages import gettext as _
from webapp.base.words import plural, size
from webapp.engine.chores import Chore
from webapp.engine.engine import the_engine
from webapp.operations.health import backups
from webapp.operations.health.proof import FILES, LIST, UNFINISHED, Order, contents_of, remove, with_end
from webapp.people.accounts.queries import set_up_at
from webapp.people.receipts.service import HeldBackup
from webapp.settings.secrets.keyring import keyring
from webapp.settings.service import setting
from webapp.web import filters
from webapp.web.filters import ago
from webapp.web.health_facts import HealthFact

EVERY_SECONDS = 60.0
# Everyone comes back in the first minutes after a start.
SETTLING_SECONDS = 300.0
# The part of one core that a backup may use.
SHARE = 0.1
MOST_SECONDS = 20 * 3600
LATE = timedelta(hours=2)
# A night in which each try is broken off, as by a machine that crashes, is given up.
MOST_TRIES, MOST_RUNS = 3, 60
# The newest copy of each of so many days, and of each of so many weeks, is kept.
KEPT_DAYS, KEPT_WEEKS = 7, 4
NAME = re.compile(r"nightly-(\d{8}-\d{6})\.sqlite3")
STAMP = "%Y%m%d-%H%M%S"
RUNS, RUNNING, LOCK = "nightly.json", "nightly.running", "nightly.lock"
BROKEN_OFF = "It was interrupted when the server stopped, and what it left was removed."
UNDER_WAY = "A backup is being made already."
NOT_HERE = "With PostgreSQL, Millrace makes no nightly backup: use pg_dump, or flask backup, and copy FILES_DIR."
SAME_DISK = (
    "The copies are on the same disk as the data and could be lost with it: copy them to another machine, or set BACKUP_DIR."
)
TURNED_OFF = "Turned off under Administration, Backups."
NOT_WRITABLE = "{} can't be written to, so no backup can be made. Check BACKUP_DIR and the permissions of that folder."
MISSING = "The backup that was due {} wasn't made."


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupRun:
    """One backup: when, and what came of it. Without faults there is a copy; `damaged` are earlier copies that no longer hold."""

    began: datetime
    ended: datetime
    copy: str = ""
    faults: Sequence[str] = ()
    warnings: Sequence[str] = ()
    damaged: dict[str, str] = field(default_factory=dict)
    # The earlier copy that was proved once more.
    again_of: str = ""
    is_broken_off: bool = False
    is_asked: bool = False
    tables: int = 0
    rows: int = 0
    bytes: int = 0
    files: int = 0
    file_bytes: int = 0
    restore_seconds: float = 0.0
    share: float = 0.0

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "BackupRun":
        return cls(**{**values, **{name: datetime.fromisoformat(values[name]) for name in ("began", "ended")}})


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy that is kept, with what is wrong with it."""

    path: Path
    made_at: datetime
    bytes: int
    trouble: str = ""

    @property
    def name(self) -> str:
        return self.path.name


@dataclass(slots=True)
class Present:
    """What this process knows: since when it runs, and whether someone has asked for a backup that isn't made yet."""

    started: float = field(default_factory=time.monotonic)
    is_asked: bool = False


PRESENT = PerApp[Present](Present)


def last_slot(now: datetime, hour: int, zone: tzinfo | None = None) -> datetime:
    """Returns the last time at which a backup was due, by the clock of the server or of this time zone."""
    here = now.astimezone(zone)
    for days in (0, 1):
        day = here.date() - timedelta(days=days)
        slot = datetime(day.year, day.month, day.day, hour, tzinfo=zone)
        # Without a zone this is the server's, with its rule for the day on which clocks change.
        slot = slot if zone else slot.astimezone()
        if slot <= now:
            return slot.astimezone(UTC)
    return (now - timedelta(days=1)).astimezone(UTC)


def is_due(slot: datetime, runs: Sequence[BackupRun], since: datetime | None) -> bool:
    """Returns whether the backup of a slot is missing. Before the first of all, `since` is when there was something to copy."""
    tries = [run for run in runs if run.began >= slot]
    if not runs:
        return since is not None and since < slot
    return all(run.is_broken_off for run in tries) and len(tries) < MOST_TRIES


def look() -> bool:
    """Makes the backup that is due; always returns True, for another look."""
    settle()
    is_settled = time.monotonic() - PRESENT.get().started >= SETTLING_SECONDS
    if is_settled and setting("backup.nightly") and not _trouble_with_folder() and _is_due_now():
        with suppress(Conflict):
            make()
    return True


def _make_asked() -> bool:
    try:
        with suppress(Conflict):
            make(is_asked=True)
    finally:
        PRESENT.get().is_asked = False
    return False


_every_night = Chore("backup", look, every_seconds=EVERY_SECONDS, most_seconds=EVERY_SECONDS)
_now = Chore("backup now", _make_asked, every_seconds=0.0)


def wake() -> None:
    if is_sqlite():
        _every_night.wake()


def ask(*, author: audit.AuditAuthor) -> None:
    """Lets the server make a backup now; raises `Conflict` while it makes one."""
    if not is_sqlite():
        raise Invalid(NOT_HERE)
    if is_under_way():
        raise Conflict(UNDER_WAY)
    if trouble := _trouble_with_folder():
        raise Invalid(trouble)
    audit.record("asked for a backup", author=author, object_kind="backup")
    PRESENT.get().is_asked = True
    _now.wake()


def make(*, share: float = SHARE, is_asked: bool = False) -> BackupRun | None:
    """Makes a backup, proves it and removes older copies; returns None if the server stops meanwhile."""
    folder = the_config().backup_dir
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _locked(folder):
        _settle(folder)
        earlier, began, kept = runs(), utc_now(), copies()
        (folder / RUNNING).write_text(began.isoformat(), "utf-8")
        order = _order(folder, began, earlier, kept, share)
        # What was read above would let the database's log grow for as long as the copy takes.
        db.session.rollback()
        result = _in_child(order)
        if result is None:
            return None
        again_of, again = (order.again.name if order.again else ""), result.pop("again", [])
        run = BackupRun(began=began, ended=utc_now(), copy=order.copy.name, again_of=again_of, is_asked=is_asked, **result)
        run = replace(run, copy="") if run.faults else replace(run, warnings=[*run.warnings, *_lost_secrets()])
        damaged = {name: words for name, words in _damaged(earlier, kept).items() if name != again_of}
        run = replace(run, damaged=damaged | ({again_of: " ".join(again)} if again else {}))
        _note(folder, [*earlier, run])
        (folder / RUNNING).unlink(missing_ok=True)
        if not run.faults:
            backups.note()
            _rotate()
    return run


def settle() -> None:
    """Removes what a run has left that was broken off, and says so."""
    folder = the_config().backup_dir
    if (folder / RUNNING).exists():
        # The lock is held while one runs.
        with suppress(Conflict), _locked(folder):
            _settle(folder)


def runs() -> list[BackupRun]:
    """Returns what came of the last backups, oldest first; a list that can't be read is as good as none."""
    try:
        return [BackupRun.from_json(values) for values in json.loads((the_config().backup_dir / RUNS).read_text("utf-8"))]
    except (OSError, ValueError, TypeError, KeyError):
        return []


def copies() -> list[Copy]:
    """Returns the copies that are kept, newest first."""
    damaged = _last_damaged(runs())
    kept = []
    for path in (the_config().backup_dir).glob("nightly-*.sqlite3"):
        if match := NAME.fullmatch(path.name):
            made_at = datetime.strptime(match[1], STAMP).replace(tzinfo=UTC)
            kept.append(Copy(path, made_at, path.stat().st_size, damaged.get(path.name, "")))
    return sorted(kept, key=lambda copy: copy.made_at, reverse=True)


def held() -> list[HeldBackup]:
    """Returns every copy in the folder of backups, with the day by which it is removed if a new one is made every night."""
    nights = {copy.name: copy.made_at + timedelta(weeks=KEPT_WEEKS) for copy in copies()}
    lying = sorted((path.name, path.stat().st_mtime) for path in the_config().backup_dir.glob("*.sqlite3"))
    return [HeldBackup(name, nights.get(name), datetime.fromtimestamp(written_at, UTC)) for name, written_at in lying]


def running_since() -> datetime | None:
    """Returns since when a backup is being made."""
    file = the_config().backup_dir / RUNNING
    try:
        return datetime.fromisoformat(file.read_text("utf-8"))
    except (OSError, ValueError):
        return None


def is_under_way() -> bool:
    """Returns whether a backup is being made, or is about to be."""
    return PRESENT.get().is_asked or running_since() is not None


def problems() -> list[str]:
    """Returns what an operator has to know: a backup that failed or is missing, what it warns of, and copies that are damaged."""
    if not is_sqlite():
        return []
    if setting("backup.nightly") and (trouble := _trouble_with_folder()):
        return [trouble]
    past = runs()
    last = past[-1] if past else None
    words = [*last.faults, *last.warnings] if last else []
    words += [f"The copy {name} can't be restored: {trouble}" for name, trouble in _last_damaged(past).items()]
    if setting("backup.nightly") and not running_since() and _is_missing(past):
        words.append(MISSING.format(_clock(last_slot(utc_now(), int(setting("backup.hour"))))))
    return words


def _trouble_with_folder() -> str:
    """Returns why no copy can be put into its folder, or an empty string."""
    folder = the_config().backup_dir
    there = next(path for path in (folder, *folder.parents) if path.exists())
    return "" if there.is_dir() and os.access(there, os.W_OK | os.X_OK) else NOT_WRITABLE.format(folder)


def _is_missing(past: Sequence[BackupRun]) -> bool:
    """Returns whether a due backup was not made, although there was time: a server that has just started makes up for it."""
    if the_engine().has_begun:
        had_time = time.monotonic() - PRESENT.get().started > LATE.total_seconds()
    else:
        had_time = bool(past) and utc_now() - past[-1].began > timedelta(days=2)
    slot = last_slot(utc_now(), int(setting("backup.hour")))
    return had_time and utc_now() - slot > LATE and is_due(slot, past, None if past else set_up_at())


def last_good() -> BackupRun | None:
    return next((run for run in reversed(runs()) if not run.faults), None)


def facts() -> list[HealthFact]:
    """Returns the lines of the health page and of `flask check`."""
    if not is_sqlite():
        return [HealthFact(_("Every night"), _(NOT_HERE))]
    return [_plan(), *_last(), *_kept()]


def _plan() -> HealthFact:
    if is_under_way():
        since = running_since() or utc_now()
        return HealthFact(
            _("Now"), _("A backup is running, started %(when)s. It uses at most a tenth of one core.", when=_clock(since))
        )
    hour = int(setting("backup.hour"))
    if not setting("backup.nightly"):
        return HealthFact(_("Every night"), _(TURNED_OFF))
    zone, offset = f"{datetime.now().astimezone():%Z}", f"UTC{datetime.now().astimezone():%z}"
    words, at = zone if zone == "UTC" else f"{zone}, {offset}", f"{hour:02}:00"
    return HealthFact(_("Every night"), _("At %(time)s by the server's clock (%(zone)s).", time=at, zone=words), "ok")


def _last() -> Iterator[HealthFact]:
    past, troubles = runs(), problems()
    if not past:
        yield HealthFact(_("Last run"), " ".join(troubles) or _("None yet."), "warn" if troubles else "")
        return
    last = past[-1]
    if last.faults:
        yield HealthFact(
            _("Last run"),
            _("%(when)s: no backup. %(faults)s", when=_clock(last.began), faults=" ".join(last.faults)),
            "bad",
            _("Earlier copies are kept."),
        )
    elif good := last_good():
        yield HealthFact(_("Last run"), f"{_clock(good.began)}{_lateness(good)}: {_held(good)}", "ok")
        seconds = max(1, round(good.restore_seconds))
        yield HealthFact(
            _("Restoring it"),
            _("Takes about %(seconds)s, measured on a test copy.", seconds=filters.plural(seconds, "second")),
        )
    if others := [trouble for trouble in troubles if trouble not in last.faults]:
        yield HealthFact(_("Needs attention"), " ".join(others), "warn")


def _held(run: BackupRun) -> str:
    rows, tables = filters.plural(run.rows, "row"), filters.plural(run.tables, "table")
    compared = _("Restored and compared: all %(rows)s in %(tables)s match.", rows=rows, tables=tables)
    if not run.files:
        return f"{size(run.bytes)}. {compared}"
    files = _(
        "%(size)s and %(files)s of %(bytes)s.",
        size=size(run.bytes),
        files=filters.plural(run.files, "file"),
        bytes=size(run.file_bytes),
    )
    return f"{files} {compared}"


def _lateness(run: BackupRun) -> str:
    slot = last_slot(run.began, int(setting("backup.hour")))
    return _(", later than planned") if run.began - slot > LATE and not run.is_asked else ""


def _kept() -> Iterator[HealthFact]:
    kept = copies()
    if not kept:
        return
    days = languages.current().formats.day_and_month
    names = ", ".join(f"{days(copy.made_at.astimezone())} {copy.made_at.astimezone():%H:%M}" for copy in kept)
    total, folder = sum(copy.bytes for copy in kept), the_config().backup_dir
    hint = SAME_DISK if folder.stat().st_dev == backups.database_file().stat().st_dev else ""
    yield HealthFact(
        _("Copies"),
        _(
            "%(count)s in %(folder)s, %(size)s without files: %(names)s.",
            count=len(kept),
            folder=folder,
            size=size(total),
            names=names,
        ),
        "",
        _(hint),
    )


def _clock(moment: datetime) -> str:
    here = moment.astimezone()
    return f"{languages.current().formats.day_and_month(here)}, {here:%H:%M} ({ago(moment, utc_now())})"


def _is_due_now() -> bool:
    past = runs()
    return is_due(last_slot(utc_now(), int(setting("backup.hour"))), past, None if past else set_up_at())


def _order(folder: Path, began: datetime, earlier: Sequence[BackupRun], kept: Sequence[Copy], share: float) -> Order:
    """Returns what to do; after a run with faults no file is linked, as an earlier copy can be what is wrong."""
    is_sound = bool(earlier) and not earlier[-1].faults
    sound = [copy for copy in kept if not copy.trouble]
    asked = {run.again_of: number for number, run in enumerate(earlier)}
    return Order(
        database=backups.database_file(),
        files_dir=the_config().files_dir,
        copy=_free_name(folder, began),
        revision=newest_revision(),
        links_to=sound[0].path if is_sound and sound else None,
        # The one whose last proof is the longest ago.
        again=min((copy.path for copy in kept), key=lambda path: asked.get(path.name, -1), default=None),
        share=share,
    )


def _free_name(folder: Path, moment: datetime) -> Path:
    while (name := folder / f"nightly-{moment:{STAMP}}.sqlite3").exists():
        moment += timedelta(seconds=1)
    return name


def _in_child(order: Order) -> dict[str, Any] | None:
    """Runs a proof in a process of its own; None if the server stops, which kills it."""
    command = [sys.executable, "-E", "-s", "-m", "webapp.operations.health.proof"]
    # No environment variables: a child process needs no secrets.
    process = subprocess.Popen(
        command, cwd=ROOT, env={}, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    with the_engine().stoppable() as stop, process, stop.aborting(process.kill):
        try:
            printed, trace = process.communicate(order.written(), timeout=MOST_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            return {"faults": [f"It didn't end within {MOST_SECONDS // 3600} hours."]}
    if stop:
        return None
    if process.returncode:
        return {"faults": [f"It failed: {(trace.strip().splitlines() or [f'exit code {process.returncode}'])[-1][:300]}"]}
    return dict(json.loads(printed))


def _lost_secrets() -> list[str]:
    """Warns of secrets that no present key reads: equal rows are as unreadable in the copy."""
    lost = keyring().lost
    return [f"{plural(len(lost), 'stored secret')} can't be read with the present keys: {lost[0].name}."] if lost else []


def _damaged(earlier: Sequence[BackupRun], kept: Sequence[Copy]) -> dict[str, str]:
    """Returns the copies that no longer have the size that they were made with: only one a night is read whole."""
    damaged = dict(_last_damaged(earlier))
    for copy in kept:
        try:
            bytes_then = contents_of(copy.path).bytes
        except (OSError, ValueError, TypeError):
            damaged[copy.name] = f"Its list {with_end(copy.path, LIST).name} can't be read."
        else:
            if bytes_then != copy.bytes:
                damaged[copy.name] = f"It has {size(copy.bytes)}, not {size(bytes_then)}."
    return damaged


def _last_damaged(past: Sequence[BackupRun]) -> dict[str, str]:
    folder = the_config().backup_dir
    return {name: words for name, words in past[-1].damaged.items() if (folder / name).exists()} if past else {}


def _rotate() -> None:
    """Removes what no rule keeps; a damaged copy, which takes no other's place, after as many days as a sound one."""
    kept, oldest = copies(), utc_now() - timedelta(days=KEPT_DAYS)
    gone = set(superseded(copy.made_at for copy in kept if not copy.trouble))
    for copy in kept:
        if copy.made_at in gone or (copy.trouble and copy.made_at < oldest):
            remove(copy.path)


def superseded(moments: Iterable[datetime]) -> list[datetime]:
    """Returns the copies, by their times, that no rule keeps any more; days and weeks without a copy don't count.

    So a server that was off for a month still has its copies from before.
    """
    newest_first = sorted(moments, reverse=True)
    by_day, by_week = dict[tuple[int, ...], datetime](), dict[tuple[int, ...], datetime]()
    for moment in newest_first:
        by_day.setdefault((moment.year, moment.month, moment.day), moment)
        by_week.setdefault(moment.isocalendar()[:2], moment)
    kept = {*list(by_day.values())[:KEPT_DAYS], *list(by_week.values())[:KEPT_WEEKS]}
    return [moment for moment in newest_first if moment not in kept]


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Lets one process at a time make a backup here; raises `Conflict` for the others. Any kind of death releases it."""
    lock = os.open(folder / LOCK, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise Conflict(UNDER_WAY) from error
    finally:
        os.close(lock)


def _settle(folder: Path) -> None:
    began = running_since()
    for path in folder.glob(f"nightly-*{UNFINISHED}*"):
        remove(path.with_name(path.name.partition(UNFINISHED)[0] + UNFINISHED))
    # Without its database, which is named last, it is no copy.
    for path in (*folder.glob(f"nightly-*.sqlite3{LIST}"), *folder.glob(f"nightly-*.sqlite3{FILES}")):
        if not path.with_suffix("").exists():
            remove(path.with_suffix(""))
    if began:
        _note(folder, [*runs(), BackupRun(began=began, ended=utc_now(), faults=[BROKEN_OFF], is_broken_off=True)])
        (folder / RUNNING).unlink(missing_ok=True)


def _note(folder: Path, past: Sequence[BackupRun]) -> None:
    written = [asdict(run) | {"began": run.began.isoformat(), "ended": run.ended.isoformat()} for run in past[-MOST_RUNS:]]
    # A list of half a line would lose all.
    fresh = with_end(folder / RUNS, ".new")
    fresh.write_text(json.dumps(written), "utf-8")
    fresh.replace(folder / RUNS)
