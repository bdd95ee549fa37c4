"""The health of this installation, for both the health page and `flask check`."""

import os
import platform
import shutil
import time
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from json import loads
from pathlib import Path
from urllib.parse import urlsplit

from flask import Request, current_app
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from webapp.base.config import ROOT, Config
from webapp.base.current import the_config
from webapp.base.database.revisions import newest_revision
from webapp.base.database.state import found_revision, is_newer, trouble_with_database
from webapp.base.db import DAMAGED, db, is_sqlite, utc_now, write
from webapp.base.errors import Unavailable
from webapp.base.heavy.threads import ALL_THREADS, LOST
from webapp.base.languages import gettext as _, ngettext
from webapp.base.process.watchdog import BLOCKED, Watchdog
from webapp.base.version import COMMIT, VERSION
from webapp.base.words import size
from webapp.engine.engine import Engine, the_engine
from webapp.models.connections import listing
from webapp.models.connections.cache import the_connections
from webapp.models.connections.effective import LiveConnection
from webapp.operations.health import nightly
from webapp.operations.health.backups import made_at
from webapp.settings.secrets.keyring import Keyring, keyring
from webapp.settings.service import setting
from webapp.streaming.shared_config import UNLIKE
from webapp.web.feature import brought
from webapp.web.filters import ago, plural
from webapp.web.health_facts import Chapter, HealthFact, MoreFacts

UNREADABLE = "%(secrets)s can't be read with it: enter those keys again under Administration, Models, Connections."
# What helps a connection that is refused, by the reason.
REMEDIES = {
    "auth": "Enter a new key under Administration, Models, Connections, then test it.",
    "credit": "After adding credit, test it under Administration, Models, Connections.",
}
# Of chapters, in English wherever they are looked for; pages say them in their language.
TITLES = (
    "Your connection",
    "Streams",
    "Paused models",
    "Database",
    "Models",
    "Knowledge",
    "Apps",
    "Safety",
    "Nightly backup",
    "Server",
)
PACKAGES = ("Flask", "gevent", "gunicorn", "SQLAlchemy", "cryptography")
SCARCE_BYTES, LAST_BYTES = 2 * 1024**3, 200 * 1024**2
NO_CONTENT = "Anyone who can read the log can read people's answers. Unset LOG_CONTENT when you are done."
LOOPBACK = ("127.0.0.1", "::1", "localhost")
NO_REDIS = "Redis is not responding."
NO_HTTPS = "Messages cross the network unencrypted. Use a proxy with a certificate, and an https address here."
SET_IT = "Set PUBLIC_URL to the address people use. With https, cookies are only sent over secure connections."
OLD_DAYS = 14
NIGHTLY = "Run flask backup FILE every night, to another disk, and keep the encryption key with the backups."
KEEP_KEY = "Keep the encryption key with the backups, but not only on this disk."
NETWORK_DISK = "SQLite can lose data there. Set DATA_DIR to a folder on a local disk, or use PostgreSQL."
UNSEEN = "Backups made with pg_dump aren't seen here."
# Below this, the database's log can't grow by the next few answers.
LEAST_BYTES = 1_048_576
FULL = "The disk is full, so nothing can be saved."
READ_ONLY = "The data folder is read-only, so nothing can be saved."
MOUNTS = Path("/proc/mounts")
# On these, a lock or a write can be lost between machines without an error.
OF_NETWORKS = {
    *("nfs", "nfs4", "cifs", "smbfs", "smb2", "smb3", "afs", "coda", "ceph", "glusterfs", "lustre", "beegfs", "gfs2", "ocfs2"),
    *("fuse.sshfs", "fuse.glusterfs", "fuse.ceph", "fuse.rclone", "fuse.s3fs", "vboxsf"),
}


def chapters(*, is_thorough: bool = False) -> list[Chapter]:
    """Returns every fact that doesn't depend on a request; if the database is down, only those that need none.

    `is_thorough` reads the whole database, which takes a while.
    """
    config = the_config()
    server = Chapter("Server", [*redis(the_engine()), _disk(config.data_dir), *_log(config), *versions()])
    if trouble := trouble_with_database(names_reason=True):
        return [Chapter("Database", [HealthFact(_database_kind(), trouble, "bad")]), server]
    return [
        Chapter("Database", _database(is_thorough=is_thorough)),
        Chapter("Models", [fact for live in the_connections().team() for fact in _of_connection(live)]),
        *(more.chapter() for more in brought(MoreFacts)),
        Chapter("Safety", [_address(config), key(keyring()), _last_backup(config)]),
        Chapter("Nightly backup", nightly.facts()),
        server,
    ]


def _of_connection(live: LiveConnection) -> Iterator[HealthFact]:
    yield connection(live)
    if live.left_out:
        yield HealthFact(_("Models of %(name)s", name=live.name), listing.left_out_text(live.left_out), "warn", listing.HINT)


def connection(live: LiveConnection) -> HealthFact:
    """Returns the state of a connection at its last check."""
    if not live.is_enabled:
        return HealthFact(live.name, _("Turned off."))
    if live.key.trouble:
        return HealthFact(live.name, live.key.trouble, "bad")
    if not live.is_usable:
        return HealthFact(live.name, _("No key."), hint=_("Enter one under Administration, Models, Connections."))
    if live.is_working is None or live.checked_at is None:
        return HealthFact(live.name, _("Not tested yet."))
    if live.refused_at:
        words = _("%(result)s First refused %(when)s.", result=live.check_result, when=ago(live.refused_at, utc_now()))
        return HealthFact(live.name, words, "bad", _(REMEDIES.get(live.refused_for, "")))
    words = _("%(result)s Tested %(when)s.", result=live.check_result, when=ago(live.checked_at, utc_now()))
    return HealthFact(live.name, words, "ok" if live.is_working else "bad")


def key(ring: Keyring) -> HealthFact:
    """Returns which key encrypts the secrets, and whether a change of the key is unfinished."""
    source = _("stored in %(file)s", file=ring.file) if ring.file else _("set in the environment")
    words = _(
        "%(key)s, %(source)s; %(secrets)s.", key=ring.current, source=source, secrets=plural(len(ring.secrets), "stored secret")
    )
    if ring.lost:
        return HealthFact(_("Encryption key"), words, "bad", _(UNREADABLE, secrets=plural(len(ring.lost), "secret")))
    if ring.older:
        return HealthFact(
            _("Encryption key"), words, "warn", _("A key change is in progress: finish it under Administration, Keys.")
        )
    return HealthFact(_("Encryption key"), words, "ok")


def _address(config: Config) -> HealthFact:
    """Returns whether the public address is configured, and uses https."""
    if not config.public_url:
        return HealthFact(_("Address"), _("PUBLIC_URL is not set."), "" if config.host in LOOPBACK else "warn", _(SET_IT))
    if config.public_url.startswith("https://"):
        return HealthFact(_("Address"), _("%(url)s. Cookies are only sent over https.", url=config.public_url), "ok")
    return HealthFact(_("Address"), _("%(url)s, without https.", url=config.public_url), "warn", _(NO_HTTPS))


def of_request(request: Request, config: Config) -> list[HealthFact]:
    """Returns what this request reveals about its way through proxies."""
    return [_host(request, config), *_proxies(request, config)]


def versions() -> tuple[HealthFact, ...]:
    """Returns the versions in use."""
    python, system = f"Python {platform.python_version()}", f"{platform.system()} {platform.machine()}"
    on_system = _("%(python)s on %(system)s.", python=python, system=system)
    built = (
        _("Version %(version)s, commit %(commit)s.", version=VERSION, commit=commit())
        if commit()
        else _("Version %(version)s.", version=VERSION)
    )
    return HealthFact("Millrace", built), HealthFact(_("Platform"), on_system), HealthFact(_("Libraries"), f"{_libraries()}.")


@cache
def _libraries() -> str:
    """Returns their versions; that of the browser library is from the lock file."""
    lock = loads((ROOT / "package-lock.json").read_text("utf-8"))
    parts = [f"{name} {version(name)}" for name in PACKAGES]
    parts.append(f"htmx {lock['packages']['node_modules/htmx.org']['version']}")
    return ", ".join(parts)


@cache
def commit() -> str:
    """Returns the commit of a release or of a copy made with git, abbreviated; empty in an image of neither.

    It reads git's files: git itself need not be installed, and refuses folders of another user.
    """
    if not COMMIT.startswith("$"):
        return COMMIT[:8]
    try:
        return _commit_in(ROOT / ".git")[:8]
    except OSError:
        return ""


def _commit_in(git: Path) -> str:
    if git.is_file():
        # A work tree names its own folder there, which names the common one.
        git = ROOT / git.read_text("utf-8").removeprefix("gitdir: ").strip()
    head = (git / "HEAD").read_text("ascii").strip()
    if not head.startswith("ref: "):
        return head
    shared = git / "commondir"
    common, ref = git / shared.read_text("utf-8").strip() if shared.exists() else git, head.removeprefix("ref: ")
    if (common / ref).is_file():
        return (common / ref).read_text("ascii").strip()
    packed = (line.split() for line in (common / "packed-refs").read_text("utf-8").splitlines())
    return next((words[0] for words in packed if words[1:] == [ref]), "")


def memory(text_bytes: int) -> HealthFact:
    """Returns the memory of this process, if the system reports it, and how much of it is text of answers."""
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    except OSError:
        return HealthFact(_("Memory in use"), _("%(size)s used for the text of answers.", size=size(text_bytes)))
    return HealthFact(
        _("Memory in use"),
        _(
            "%(all)s; %(size)s of it used for the text of answers.",
            all=size(pages * os.sysconf("SC_PAGE_SIZE")),
            size=size(text_bytes),
        ),
    )


def loop(watchdog: Watchdog) -> HealthFact:
    """Returns whether anything has blocked the event loop."""
    if not watchdog.times:
        return HealthFact(_("Blocked"), _("Nothing has blocked the server for long."), "ok")
    words = ngettext(
        "%(num)s time since the start, %(seconds)s seconds in total.",
        "%(num)s times since the start, %(seconds)s seconds in total.",
        watchdog.times,
        seconds=round(watchdog.seconds, 1),
    )
    return HealthFact(
        _("Blocked"),
        words,
        "warn",
        _("Everyone waits while that happens. `%(lines)s` lines in the log name the place in the code.", lines=BLOCKED),
    )


def threads() -> HealthFact:
    """Returns how many threads are free for each purpose, and whether one did not come back."""
    words = ", ".join(
        _("%(free)s of %(all)s for %(purpose)s", free=thread.free, all=thread.size, purpose=_(thread.purpose))
        for thread in ALL_THREADS
    )
    if lost := sum(thread.lost for thread in ALL_THREADS):
        hint = _(
            "They were replaced. `%(lines)s` lines in the log name what they did. Restart the server if there are many.",
            lines=LOST,
        )
        return HealthFact(
            _("Free threads"),
            ngettext(
                "%(free)s. %(num)s thread didn't come back.", "%(free)s. %(num)s threads didn't come back.", lost, free=words
            ),
            "warn",
            hint,
        )
    return HealthFact(_("Free threads"), f"{words}.", "ok")


def trouble_with_redis(engine: Engine) -> str:
    """Returns why this worker can't cooperate with the others, or an empty string."""
    if not engine.shared:
        return ""
    if differs := engine.shared.agreement.differs:
        return UNLIKE.format(differs)
    return "" if engine.shared.is_connected else NO_REDIS


def redis(engine: Engine) -> list[HealthFact]:
    """Returns the state of Redis, through which workers reach each other, if it is configured."""
    if not engine.shared:
        return []
    if not (about := engine.shared.about_redis()):
        hint = _("Pages still show their own worker's answers live, and other workers' answers once a second. Check REDIS_URL.")
        return [HealthFact("Redis", _(NO_REDIS), "bad", hint)]
    if differs := engine.shared.agreement.differs:
        return [HealthFact("Redis", UNLIKE.format(differs), "bad")]
    version, evicts = about
    if evicts:
        hint = _("Set its maxmemory-policy to noeviction: pages of other workers fall behind when it drops something.")
        return [
            HealthFact("Redis", _("Version %(version)s. It drops data when its memory is full.", version=version), "warn", hint)
        ]
    return [HealthFact("Redis", _("Version %(version)s.", version=version), "ok")]


def _log(config: Config) -> list[HealthFact]:
    if not config.debug:
        return []
    names = ", ".join(sorted(config.debug))
    if config.log_content:
        return [
            HealthFact(
                _("Server log"),
                _("Detailed logging: %(names)s. It includes the text of answers.", names=names),
                "warn",
                _(NO_CONTENT),
            )
        ]
    return [HealthFact(_("Server log"), _("Detailed logging: %(names)s, without the text of answers.", names=names))]


def _disk(folder: Path) -> HealthFact:
    free = shutil.disk_usage(folder).free
    words = _("%(size)s free on the disk that holds %(folder)s.", size=size(free), folder=folder)
    if free >= SCARCE_BYTES:
        return HealthFact(_("Disk"), words, "ok")
    return HealthFact(
        _("Disk"), words, "bad" if free < LAST_BYTES else "warn", _("When it is full, nothing can be saved. Free up space soon.")
    )


def _host(request: Request, config: Config) -> HealthFact:
    url = urlsplit(config.public_url)
    if url.netloc and url.netloc != request.host:
        hint = _("Links you share point to %(url)s. Use that address, or change PUBLIC_URL.", url=config.public_url)
        return HealthFact(_("Your address"), request.host_url, "warn", hint)
    if url.scheme == "https" and not request.is_secure:
        return HealthFact(_("Your address"), _("%(host)s, as forwarded by the proxy.", host=request.host), "ok")
    if request.is_secure and url.scheme != "https":
        return HealthFact(
            _("Your address"),
            request.host_url,
            "warn",
            " ".join((_("The page uses https, but Millrace isn't set up for it."), _(SET_IT))),
        )
    return HealthFact(_("Your address"), request.host_url, "ok")


def _proxies(request: Request, config: Config) -> list[HealthFact]:
    if not request.headers.get("X-Forwarded-For"):
        return [HealthFact(_("Proxies"), _("No proxy detected."))]
    if config.trusted_proxies:
        return [
            HealthFact(
                _("Proxies"),
                _(
                    "Trusted: %(proxies)s. Your address is %(address)s.",
                    proxies=", ".join(config.trusted_proxies),
                    address=request.remote_addr,
                ),
                "ok",
            )
        ]
    hint = _(
        "Set TRUSTED_PROXIES=%(address)s: until then everyone looks like one visitor and shares one rate limit.",
        address=request.remote_addr,
    )
    return [
        HealthFact(_("Proxies"), _("There is a proxy in front of this server that TRUSTED_PROXIES doesn't list."), "warn", hint)
    ]


def _database(*, is_thorough: bool) -> list[HealthFact]:
    """Returns the facts on a database that responds."""
    version = _scalar("SELECT sqlite_version()" if is_sqlite() else "SHOW server_version")
    about = HealthFact(_database_kind(), _("Version %(version)s, %(size)s.", version=version, size=_database_size()), "ok")
    return [about, *_journal(), *network_disk(), _writing(), _schema(), *(_soundness() if is_thorough else ())]


def _database_kind() -> str:
    """Returns its name, which is known even if it doesn't respond."""
    backend = make_url(current_app.config["SQLALCHEMY_DATABASE_URI"]).get_backend_name()
    return "SQLite" if backend == "sqlite" else "PostgreSQL"


def _last_backup(config: Config) -> HealthFact:
    """Returns when the newest known backup was made."""
    backup_at = made_at(config.data_dir)
    hint = _(KEEP_KEY if is_sqlite() and setting("backup.nightly") else NIGHTLY)
    if not backup_at:
        return HealthFact(_("Backups"), _("No backup found."), hint=hint if is_sqlite() else f"{hint} {_(UNSEEN)}")
    is_old = (utc_now() - backup_at).days > OLD_DAYS
    return HealthFact(_("Backups"), _("Last backup: %(when)s.", when=ago(backup_at, utc_now())), "" if is_old else "ok", hint)


def _soundness() -> list[HealthFact]:
    """Checks whether the whole file can be read and is consistent."""
    if not is_sqlite():
        return []
    # The first error is enough.
    is_sound = _scalar("PRAGMA quick_check(1)") == "ok"
    return [HealthFact(_("File"), _("No damage found.") if is_sound else _(DAMAGED), "ok" if is_sound else "bad")]


def _database_size() -> str:
    if is_sqlite():
        return size(Path(db.engine.url.database or "").stat().st_size)
    return size(float(_scalar("SELECT pg_database_size(current_database())")))


def _journal() -> list[HealthFact]:
    if not is_sqlite():
        return []
    mode = _scalar("PRAGMA journal_mode")
    if mode == "wal":
        return [HealthFact(_("Journal"), _("Write-ahead log (WAL): reads and writes don't block each other."), "ok")]
    return [
        HealthFact(_("Journal"), f"{mode}.", "warn", _("The disk that holds DATA_DIR doesn't support WAL. Use a local disk."))
    ]


def network_disk(mounts: str = "") -> list[HealthFact]:
    """Returns a warning if the file is on a network disk, according to the mounts."""
    if not is_sqlite():
        return []
    folder = Path(db.engine.url.database or "").absolute().parent
    if not (kind := network_of(folder, mounts or read_mounts())):
        return []
    return [
        HealthFact(
            _("Disk"),
            _("The database is in %(folder)s, on a network disk (%(kind)s).", folder=folder, kind=kind),
            "warn",
            _(NETWORK_DISK),
        )
    ]


def _writing() -> HealthFact:
    began = time.monotonic()
    try:
        with write(patience_seconds=1):
            pass
    except (Unavailable, OperationalError):
        return HealthFact(
            _("Writing"), _("The database can't be written to."), "bad", _("Check free space and permissions on its disk.")
        )
    return HealthFact(_("Writing"), _("Writable, in %(ms)s ms.", ms=max(1, round((time.monotonic() - began) * 1000))), "ok")


def _schema() -> HealthFact:
    with db.engine.connect() as connection:
        revision = found_revision(connection)
    if is_newer(revision):
        return HealthFact(
            _("Schema"),
            _("%(revision)s, of a newer version.", revision=revision),
            "warn",
            _("Update this server too, and restart it."),
        )
    return HealthFact(
        _("Schema"), _("%(revision)s, up to date.", revision=revision), "ok" if revision == newest_revision() else "bad"
    )


def _scalar(question: str) -> str:
    with db.engine.connect() as connection:
        return str(connection.scalar(text(question)))


def trouble_with_disk(folder: Path) -> str:
    """Returns why nothing can be saved in a folder, or an empty string; asks the system alone, as probes come often."""
    disk = os.statvfs(folder)
    if disk.f_flag & os.ST_RDONLY or not os.access(folder, os.W_OK):
        return READ_ONLY
    return FULL if disk.f_bavail * disk.f_frsize < LEAST_BYTES else ""


def network_of(folder: Path, mounts: str) -> str:
    """Returns the type of the network disk that a folder is on; empty for any other or unknown disk."""
    holding = {str(path) for path in (folder, *folder.parents)}
    lines = (line.split(" ") for line in mounts.splitlines())
    # Of several mounts in one place, the last hides the others.
    kinds = {_unescaped(words[1]): words[2] for words in lines if len(words) > 2}
    kind = kinds.get(max((folder for folder in kinds if folder in holding), key=len, default=""), "")
    return kind if kind in OF_NETWORKS else ""


def read_mounts() -> str:
    try:
        return MOUNTS.read_text("utf-8", "replace")
    except OSError:
        # Not Linux.
        return ""


def _unescaped(folder: str) -> str:
    return folder.replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\")
