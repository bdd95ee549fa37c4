"""The state of the machine and the address: disk, versions, https, and the proxies that a request reveals."""

import os
import platform
import shutil
from functools import cache
from importlib.metadata import version
from json import loads
from pathlib import Path
from urllib.parse import urlsplit

from flask import Request

from webapp.base.config import ROOT, Config
from webapp.base.heavy.threads import ALL_THREADS, LOST
from webapp.base.process.watchdog import BLOCKED, Watchdog
from webapp.base.version import VERSION
from webapp.base.words import plural
from webapp.engine.engine import Engine
from webapp.streaming.shared_config import UNLIKE
from webapp.web.health_facts import Fact, size

PACKAGES = ("Flask", "gevent", "gunicorn", "SQLAlchemy", "cryptography")
SCARCE_BYTES, LAST_BYTES = 2 * 1024**3, 200 * 1024**2
NO_CONTENT = "Anyone who can read the log can read people's answers. Unset LOG_CONTENT when you are done."
LOOPBACK = ("127.0.0.1", "::1", "localhost")
NO_REDIS = "Redis is not responding."
NO_HTTPS = "Messages cross the network unencrypted. Use a proxy with a certificate, and an https address here."
SET_IT = "Set PUBLIC_URL to the address people use. With https, cookies are only sent over secure connections."


def all_of(config: Config) -> list[Fact]:
    return [_disk(config.data_dir), *_log(config), *versions()]


def address(config: Config) -> Fact:
    """Returns whether the public address is configured, and uses https."""
    if not config.public_url:
        return Fact("Address", "PUBLIC_URL is not set.", "" if config.host in LOOPBACK else "warn", SET_IT)
    if config.public_url.startswith("https://"):
        return Fact("Address", f"{config.public_url}. Cookies are only sent over https.", "ok")
    return Fact("Address", f"{config.public_url}, without https.", "warn", NO_HTTPS)


def of_request(request: Request, config: Config) -> list[Fact]:
    """Returns what this request reveals about its way through proxies."""
    return [_host(request, config), *_proxies(request, config)]


@cache
def versions() -> tuple[Fact, ...]:
    """Returns the versions in use; that of the browser library is from the lock file."""
    lock = loads((ROOT / "package-lock.json").read_text("utf-8"))
    parts = [f"{name} {version(name)}" for name in PACKAGES]
    parts.append(f"htmx {lock['packages']['node_modules/htmx.org']['version']}")
    python = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}."
    built = f"Version {VERSION}{f', commit {commit()}' if commit() else ''}."
    return Fact("Millrace", built), Fact("Platform", python), Fact("Libraries", f"{', '.join(parts)}.")


@cache
def commit() -> str:
    """Returns the commit of a copy made with git, abbreviated; empty without one, as in an image.

    It reads git's files: git itself need not be installed, and refuses folders of another user.
    """
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


def memory(text_bytes: int) -> Fact:
    """Returns the memory of this process, if the system reports it, and how much of it is text of answers."""
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    except OSError:
        return Fact("Memory", f"{size(text_bytes)} used for the text of answers.")
    return Fact("Memory", f"{size(pages * os.sysconf('SC_PAGE_SIZE'))}; {size(text_bytes)} of it used for the text of answers.")


def loop(watchdog: Watchdog) -> Fact:
    """Returns whether anything has blocked the event loop."""
    if not watchdog.times:
        return Fact("Blocked", "Nothing has blocked the server for long.", "ok")
    words = f"{plural(watchdog.times, 'time')} since the start, {watchdog.seconds:.1f} seconds in total."
    return Fact("Blocked", words, "warn", f"Everyone waits meanwhile. `{BLOCKED}` lines in the log name the place in the code.")


def threads() -> Fact:
    """Returns how many threads are free for each purpose, and whether one did not come back."""
    words = ", ".join(f"{thread.free} of {thread.size} for {thread.purpose}" for thread in ALL_THREADS)
    if lost := sum(thread.lost for thread in ALL_THREADS):
        hint = f"Others took their place. `{LOST}` lines in the log name what they did. Restart the server if there are many."
        return Fact("Free threads", f"{words}. {plural(lost, 'thread')} didn't come back.", "warn", hint)
    return Fact("Free threads", f"{words}.", "ok")


def trouble_with_redis(engine: Engine) -> str:
    """Returns why this worker can't cooperate with the others, or an empty string."""
    if not engine.shared:
        return ""
    if differs := engine.shared.agreement.differs:
        return UNLIKE.format(differs)
    return "" if engine.shared.is_connected else NO_REDIS


def redis(engine: Engine) -> list[Fact]:
    """Returns the state of Redis, through which workers reach each other, if it is configured."""
    if not engine.shared:
        return []
    if not (about := engine.shared.about_redis()):
        hint = "Pages follow answers of their own worker as ever, and those of others once a second. Check REDIS_URL."
        return [Fact("Redis", NO_REDIS, "bad", hint)]
    if differs := engine.shared.agreement.differs:
        return [Fact("Redis", UNLIKE.format(differs), "bad")]
    version, evicts = about
    if evicts:
        hint = "Set its maxmemory-policy to noeviction: pages of other workers fall behind when it drops something."
        return [Fact("Redis", f"Version {version}. It drops data when its memory is full.", "warn", hint)]
    return [Fact("Redis", f"Version {version}.", "ok")]


def _log(config: Config) -> list[Fact]:
    if not config.debug:
        return []
    names = ", ".join(sorted(config.debug))
    if config.log_content:
        return [Fact("Log", f"Detailed logging: {names}. It includes the text of answers.", "warn", NO_CONTENT)]
    return [Fact("Log", f"Detailed logging: {names}, without the text of answers.")]


def _disk(folder: Path) -> Fact:
    free = shutil.disk_usage(folder).free
    words = f"{size(free)} free on the disk that holds {folder}."
    if free >= SCARCE_BYTES:
        return Fact("Disk", words, "ok")
    return Fact(
        "Disk", words, "bad" if free < LAST_BYTES else "warn", "When it is full, nothing can be saved. Free up space soon."
    )


def _host(request: Request, config: Config) -> Fact:
    wanted = urlsplit(config.public_url)
    if wanted.netloc and wanted.netloc != request.host:
        hint = f"Links you share point to {config.public_url}. Use that address, or change PUBLIC_URL."
        return Fact("Your address", request.host_url, "warn", hint)
    if wanted.scheme == "https" and not request.is_secure:
        return Fact("Your address", f"{request.host}, as forwarded by the proxy.", "ok")
    if request.is_secure and wanted.scheme != "https":
        return Fact("Your address", request.host_url, "warn", f"The page uses https, but Millrace isn't set up for it. {SET_IT}")
    return Fact("Your address", request.host_url, "ok")


def _proxies(request: Request, config: Config) -> list[Fact]:
    if not request.headers.get("X-Forwarded-For"):
        return [Fact("Proxies", "No proxy detected.")]
    if config.trusted_proxies:
        return [Fact("Proxies", f"Trusted: {', '.join(config.trusted_proxies)}. Your address is {request.remote_addr}.", "ok")]
    hint = f"Set TRUSTED_PROXIES={request.remote_addr}: until then everyone looks like one visitor and shares one rate limit."
    return [Fact("Proxies", "There is a proxy in front of this server that TRUSTED_PROXIES doesn't list.", "warn", hint)]
