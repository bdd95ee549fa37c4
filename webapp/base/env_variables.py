"""The environment variables: name, default, a sentence for the operator, and the parser of each.

A parser takes the text and returns the value; it raises `ValueError` with what it expected instead.
"""

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

FIELDS = {"ENCRYPTION_KEY": "encryption_keys", "STREAMING_TIMEOUT": "streaming_timeout_ms"}
# Headers that browsers or proxies send with every request, whether or not someone is signed in.
NO_NAMES_OF_PEOPLE = {
    *("accept", "authorization", "connection", "content-length", "content-type", "cookie", "from", "host", "origin", "referer"),
    *("user-agent", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip"),
}
NOT_A_NAMESPACE = {"true", "false", "yes", "no", "on", "off"}


@dataclass(frozen=True, slots=True)
class Variable:
    """One row of the table below; `example` replaces an empty default in messages and documentation.

    In the value of one that `is_prose`, `#` has no meaning: in the others it begins a comment after white space.
    """

    name: str
    default: str
    sentence: str
    parse: Callable[[str], Any]
    example: str = ""
    is_secret: bool = False
    is_prose: bool = False

    @property
    def field(self) -> str:
        return FIELDS.get(self.name, self.name.lower())


def _text(raw: str) -> str:
    if not raw.isprintable():
        raise ValueError("plain text on one line")
    return raw


def _list(raw: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in _text(raw).split(",") if part.strip())


def _number(kind: type[int] | type[float], least: float, most: float) -> Callable[[str], Any]:
    def parse(raw: str) -> int | float | None:
        if not raw:
            return None
        expected = f"a {'whole ' if kind is int else ''}number from {least:g} to {most:.12g}"
        try:
            number = kind(raw)
        except ValueError:
            raise ValueError(expected) from None
        if not least <= number <= most:
            raise ValueError(expected)
        return number

    return parse


def _host(raw: str) -> str:
    if not re.fullmatch(r"[\w.-]+|[0-9a-fA-F:.]+", raw):
        raise ValueError("a host name or an address without scheme and port")
    return raw


def _folder_or_none(raw: str) -> Path | None:
    return _folder(raw) if raw else None


def _folder(raw: str) -> Path:
    path = Path(raw).expanduser().absolute()
    try:
        is_other = path.exists() and not path.is_dir()
    except OSError as error:
        raise ValueError("a folder that can be read") from error
    if is_other:
        raise ValueError("a folder")
    return path


def _url(raw: str) -> str:
    if raw and not _is_web_address(_text(raw)):
        raise ValueError("an address that starts with http:// or https://")
    return raw.rstrip("/")


def _is_web_address(raw: str) -> bool:
    try:
        parts = urlsplit(raw)
        is_bare = not (parts.username or parts.query or parts.fragment)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and is_bare
    except ValueError:
        return False


def _origin(raw: str) -> str:
    url = _url(raw)
    if urlsplit(url).path:
        raise ValueError("a server address: scheme, host and port, without a path")
    return url.lower()


def _origins(raw: str) -> tuple[str, ...]:
    return tuple(_origin(part) for part in _list(raw))


def _engines(raw: str) -> tuple[str, ...] | None:
    return None if raw == "auto" else () if raw == "off" else tuple(_url(part) for part in _list(raw))


def _host_names(raw: str) -> tuple[str, ...]:
    return tuple(_host(part.strip("[]")).lower() for part in _list(raw))


def _networks(raw: str) -> tuple[str, ...]:
    try:
        return tuple(str(ipaddress.ip_network(part)).removesuffix("/32").removesuffix("/128") for part in _list(raw))
    except ValueError:
        raise ValueError("a list of addresses or networks") from None


def _header(raw: str) -> str:
    if raw and (not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]{1,59}", raw) or raw.lower() in NO_NAMES_OF_PEOPLE):
        raise ValueError("the name of a header that only the proxy sets")
    return raw


def database_url(raw: str) -> str:
    """Returns the URL of a database in SQLAlchemy's form; raises ValueError."""
    scheme, _, rest = _text(raw).partition("://")
    if scheme in ("postgres", "postgresql", "postgresql+psycopg") and rest:
        if not _is_server(rest):
            raise ValueError("an address in which @, :, / and # of the password are written as %40, %3A, %2F and %23")
        return f"postgresql+psycopg://{rest}"
    if raw and (scheme != "sqlite" or len(rest) < 2 or ":memory:" in rest):
        raise ValueError("the address of a PostgreSQL database or of an SQLite file")
    return f"sqlite:///{Path(rest[1:]).absolute()}" if raw else ""


def _is_server(rest: str) -> bool:
    """Returns whether name, password, host and port can be told apart: else a part of the password is taken for the host.

    Errors of the driver and of SQLAlchemy name the host and the port, also in the log.
    """
    try:
        parts = urlsplit(f"//{rest}")
        parts.port  # noqa: B018  raises if it isn't a number
    except ValueError:
        return False
    return parts.netloc.count("@") < 2 and "@" not in parts.path + parts.fragment


def _redis(raw: str) -> str:
    if raw and not re.match(r"(rediss?|unix)://.", _text(raw)):
        raise ValueError("the address of a Redis server")
    return raw


def _secret_key(raw: str) -> str:
    if raw and (len(raw) < 16 or not raw.isprintable()):
        raise ValueError("at least 16 characters long on one line")
    return raw


def _fernet_keys(raw: str) -> tuple[str, ...]:
    keys = _list(raw)
    if not all(re.fullmatch(r"[A-Za-z0-9_-]{43}=", key) for key in keys) or (raw and not keys):
        raise ValueError("one or more Fernet keys (32 bytes in url-safe base64), separated by commas")
    return keys


def _log_format(raw: str) -> str:
    if raw not in ("text", "json"):
        raise ValueError("text or json")
    return raw


def _switch(raw: str) -> bool:
    if raw not in ("0", "1"):
        raise ValueError("0 or 1")
    return raw == "1"


def _namespaces(raw: str) -> frozenset[str]:
    wishes = frozenset(_list(raw))
    if not all(re.fullmatch(r"[a-z_*][\w:*.-]*", wish) for wish in wishes) or wishes & NOT_A_NAMESPACE:
        raise ValueError("a list of namespaces")
    return wishes


VARIABLES = (
    Variable("HOST", "127.0.0.1", "Address to listen on; 0.0.0.0 or :: for all interfaces.", _host),
    Variable("PORT", "8000", "Port to listen on; 0 picks a free one.", _number(int, 0, 65535)),
    Variable("DATA_DIR", "./data", "Folder for all data: database, keys, backups.", _folder),
    Variable(
        "FILES_DIR",
        "",
        "Folder for files sent in chats; unset: files in DATA_DIR.",
        _folder_or_none,
        "/srv/millrace/files",
    ),
    Variable(
        "BACKUP_DIR",
        "",
        "Folder for the backups of every night, best on another disk; unset: backups in DATA_DIR.",
        _folder_or_none,
        "/mnt/other/millrace",
    ),
    Variable("PUBLIC_URL", "", "Address that people use; https makes cookies Secure.", _origin, "https://chat.example.org"),
    Variable(
        "ALLOWED_HOSTS",
        "",
        "Additional host names to accept, besides PUBLIC_URL's and loopback names, separated by commas.",
        _host_names,
        "chat.example.org,chat.lan",
    ),
    Variable(
        "TRUSTED_PROXIES",
        "",
        "Addresses or networks of your reverse proxies; only their X-Forwarded-For and -Proto headers are trusted.",
        _networks,
        "127.0.0.1,10.0.0.0/8",
    ),
    Variable(
        "SIGN_IN_HEADER",
        "",
        "Header with the email of whoever the proxy has signed in; only from TRUSTED_PROXIES, which must overwrite it.",
        _header,
        "Remote-Email",
    ),
    Variable("WEB_CONCURRENCY", "1", "Worker processes; more than one need REDIS_URL and PostgreSQL.", _number(int, 1, 64)),
    Variable(
        "DATABASE_URL",
        "",
        "PostgreSQL or SQLite database; unset: an SQLite file in DATA_DIR.",
        database_url,
        "postgresql://millrace:password@localhost/millrace",
        True,
    ),
    Variable(
        "REDIS_URL",
        "",
        "Redis 6.2 or newer, or Valkey, for several workers; they need PostgreSQL too. One worker needs neither.",
        _redis,
        "redis://localhost:6379/0",
        True,
    ),
    Variable(
        "SECRET_KEY",
        "",
        "Signs cookies and stream tickets; unset: generated once in DATA_DIR.",
        _secret_key,
        "a-long-random-text",
        True,
        is_prose=True,
    ),
    Variable(
        "ENCRYPTION_KEY",
        "",
        "Fernet keys for stored secrets, newest first, separated by commas; unset: generated once in DATA_DIR.",
        _fernet_keys,
        "what-flask-keys-generate-prints",
        True,
    ),
    Variable(
        "OPENROUTER_API_KEY", "", "API key for the built-in connection; without it, the demo answers.", _text, "sk-or-...", True
    ),
    Variable(
        "OPENROUTER_BASE_URL",
        "https://openrouter.ai/api/v1",
        "OpenAI-compatible server for the built-in connection, including the path prefix.",
        _url,
        "http://localhost:11434/v1",
    ),
    Variable(
        "OPENROUTER_MODEL",
        "",
        "Default model for the built-in connection; without it, `anthropic/claude-3.5-sonnet`.",
        _text,
        "openai/gpt-4o-mini",
    ),
    Variable("OPENROUTER_TEMPERATURE", "", "Default temperature.", _number(float, 0, 2), "0.7"),
    Variable("OPENROUTER_MAX_TOKENS", "", "Default maximum tokens per answer.", _number(int, 1, 10**7), "4096"),
    Variable("OPENROUTER_HTTP_REFERER", "", "Sent as HTTP-Referer.", _text, "https://chat.example.org"),
    Variable("OPENROUTER_X_TITLE", "", "Sent as X-Title.", _text, "Millrace", is_prose=True),
    Variable(
        "STREAMING_TIMEOUT", "", "Longest time for an answer, in milliseconds; 0: no limit.", _number(int, 0, 10**9), "300000"
    ),
    Variable("STREAMING_CHUNK_SIZE", "", "Maximum bytes read from a model at a time.", _number(int, 1, 2**24), "1024"),
    Variable(
        "CORS_ORIGINS",
        "",
        "Origins of other sites allowed to call the API, separated by commas.",
        _origins,
        "https://app.example.org,http://localhost:3000",
    ),
    Variable(
        "LOCAL_ENGINES",
        "auto",
        "Where model servers are looked for while there is no connection: addresses, separated by commas; auto: this computer's "
        "usual ports; off: nowhere.",
        _engines,
        "http://127.0.0.1:11434/v1",
    ),
    Variable(
        "READ_MODEL_LISTS",
        "1",
        "0 reads lists of models only when an admin asks, not at the start and daily.",
        _switch,
        "0",
    ),
    Variable("DEBUG", "", "Namespaces to log in detail, without message text.", _namespaces, "chat:streaming,plan"),
    Variable("LOG_CONTENT", "0", "1 includes the text of answers in DEBUG lines.", _switch, "1"),
    Variable("LOG_FORMAT", "text", "Log format: text or json.", _log_format, "json"),
    Variable("MAX_STREAMS", "100", "Maximum concurrent answers in the whole process.", _number(int, 1, 10**6)),
)
