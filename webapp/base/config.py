"""Configuration by the operator: the only code that reads the environment. Standard library only; fails loudly on bad values."""

import base64
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from webapp.base import env_file
from webapp.base.env_variables import VARIABLES, Variable

ROOT = Path(__file__).resolve().parents[2]
# Beside the program, as other programs have it.
ENV_FILE = ROOT / ".env"
# Text after white space and `#`: `.env` files are often handed on by programs that keep it as a part of the value.
COMMENT = re.compile(r"^#\s.*|\s+#.*", re.DOTALL)
# Names this alike are one name, mistyped: MAX_STREAM and REDIS_URI are found, PGHOST and HOSTNAME are names of their own.
ALIKE = 0.85
KEY_FILES = {"SECRET_KEY": "secret_key", "ENCRYPTION_KEY": "encryption_key"}


class ConfigError(ValueError):
    """An environment variable has an unusable value; the message names the variable and the problem, and gives an example."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Everything the environment configures. Secrets are excluded from the repr, and so from logs and tracebacks."""

    host: str
    port: int
    data_dir: Path
    files_dir: Path
    backup_dir: Path
    public_url: str
    allowed_hosts: tuple[str, ...]
    trusted_proxies: tuple[str, ...]
    sign_in_header: str
    web_concurrency: int
    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    secret_key: str = field(repr=False)
    encryption_keys: tuple[str, ...] = field(repr=False)
    openrouter_api_key: str = field(repr=False)
    openrouter_base_url: str
    openrouter_model: str
    openrouter_temperature: float | None
    openrouter_max_tokens: int | None
    openrouter_http_referer: str
    openrouter_x_title: str
    streaming_timeout_ms: int | None
    streaming_chunk_size: int | None
    cors_origins: tuple[str, ...]
    local_engines: tuple[str, ...] | None
    read_model_lists: bool
    debug: frozenset[str]
    log_content: bool
    log_format: Literal["text", "json"]
    max_streams: int

    @property
    def bind(self) -> str:
        """The address to listen on, as `host:port`, with an IPv6 host in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def is_debugging(self, namespace: str) -> bool:
        """Returns whether `DEBUG` includes a namespace: `chat` covers `chat:streaming`, `stream` all streaming, `*` all."""
        wishes = {*self.debug, "*:streaming"} if "stream" in self.debug else self.debug
        return any(fnmatchcase(namespace, wish) or namespace.startswith(f"{wish}:") for wish in wishes)


def load(environ: Mapping[str, str] | None = None) -> Config:
    """Loads the config, of this process if no variables are given; raises `ConfigError` at the first with an unusable value.

    Variables that only a file sets (`ENV_FILE`) are put into the environment of this process.
    """
    if environ is None:
        _read_env_file()
        environ = os.environ
    environ = {**environ, **_kept_keys(environ)}
    values = {variable.field: _read(variable, environ) for variable in VARIABLES}
    values["database_url"] = values["database_url"] or f"sqlite:///{values['data_dir'] / 'millrace.sqlite3'}"
    values["files_dir"] = values["files_dir"] or values["data_dir"] / "files"
    values["backup_dir"] = values["backup_dir"] or values["data_dir"] / "backups"
    config = Config(**values)
    _refuse_what_does_not_go_together(config)
    return config


def make_keys(data_dir: Path, environ: Mapping[str, str] = os.environ) -> list[Path]:
    """Generates the keys that are neither in the environment nor in `data_dir` yet; returns the files it created."""
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    missing = [path for path in _key_paths(data_dir, environ).values() if not path.exists()]
    for path in missing:
        _write_once(path, random_key() + "\n")
    return missing


def own_key_file(config: Config) -> Path | None:
    """Returns our file that the encryption keys were read from; None when the environment sets them or names another file."""
    path = _key_paths(config.data_dir, os.environ).get("ENCRYPTION_KEY")
    if path is None or not path.exists():
        return None
    # A file that was edited after the start is left to the person who edited it.
    return path if path.read_text("utf-8").strip() == ",".join(config.encryption_keys) else None


def kept_encryption_keys(config: Config) -> tuple[str, ...]:
    """Reads the current content of our encryption key file; empty when the environment sets the keys, or the file is unusable."""
    path = _key_paths(config.data_dir, os.environ).get("ENCRYPTION_KEY")
    try:
        variable = next(row for row in VARIABLES if row.name == "ENCRYPTION_KEY")
        return tuple(variable.parse(path.read_text("utf-8").strip())) if path else ()
    except (OSError, ValueError):
        return ()


def mistyped(environ: Mapping[str, str] = os.environ) -> list[str]:
    """Returns a sentence about each variable that is not ours, but nearly has the name of one that is ours and isn't set."""
    ours = (
        {variable.name for variable in VARIABLES}
        | {f"{variable.name}_FILE" for variable in VARIABLES if variable.is_secret}
        | {"ENV_FILE"}
    )
    unset = sorted(ours - environ.keys())
    guesses = {name: get_close_matches(name, unset, n=1, cutoff=ALIKE) for name in environ.keys() - ours}
    return [f"{name} is not a variable of Millrace. Did you mean {near[0]}?" for name, near in sorted(guesses.items()) if near]


def database_words(config: Config) -> str:
    """Names the database, without its password, such as `PostgreSQL millrace at db.lan, as millrace`."""
    parts = urlsplit(config.database_url)
    if parts.scheme == "sqlite":
        return f"SQLite {config.database_url.removeprefix('sqlite:///')}"
    host = f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname or "this machine"
    person = f", as {unquote(parts.username)}" if parts.username else ""
    return f"PostgreSQL {unquote(parts.path.strip('/')) or 'by its default name'} at {host}{person}"


def _read_env_file() -> None:
    named = os.environ.get("ENV_FILE", "").strip()
    path = Path(named).expanduser() if named else ENV_FILE
    try:
        values, wrong = env_file.parse(path.read_bytes().decode())
    except FileNotFoundError as error:
        if named:
            raise ConfigError(f"ENV_FILE is {named!r}, which doesn't exist. For example: ENV_FILE=/etc/millrace.env") from error
        return
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it isn't text in UTF-8"
        raise ConfigError(f"{path} can't be read: {reason}. It holds variables, such as DATA_DIR=/var/lib/millrace.") from error
    if "\0" in "".join(values.values()):
        raise ConfigError(f"{path} has a character that no variable can have. It holds lines such as PORT=8000.")
    if wrong:
        raise ConfigError(f"{path} has a line without a variable, line {wrong[0]}. Write NAME=value, or # before a comment.")
    for name, value in values.items():
        os.environ.setdefault(name, value)


def _read(variable: Variable, environ: Mapping[str, str]) -> Any:
    raw = _raw(variable, environ)
    try:
        return variable.parse(raw or variable.default)
    except ValueError as error:
        shown = "is set, but it" if variable.is_secret else f"is {raw!r}, which"
        raise _refusal(variable, f"{shown} is not {error}") from error


def _raw(variable: Variable, environ: Mapping[str, str]) -> str:
    name, file_name = variable.name, environ.get(f"{variable.name}_FILE", "").strip() if variable.is_secret else ""
    if file_name and name in environ:
        raise _refusal(variable, f"and {name}_FILE are both set, but you can only use one of them")
    raw = _file_text(variable, Path(file_name)) if file_name else environ.get(name, "").strip()
    if not file_name and not variable.is_prose:
        raw = COMMENT.sub("", raw)
    if not raw and (file_name or (name in KEY_FILES and name in environ)):
        raise _refusal(variable, "is set, but empty" if not file_name else f"is read from {file_name}, which is empty")
    return raw


def _file_text(variable: Variable, path: Path) -> str:
    try:
        return path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise _refusal(variable, f"should come from {path}, which cannot be read ({type(error).__name__})") from error


def _refusal(variable: Variable, what: str) -> ConfigError:
    return ConfigError(f"{variable.name} {what}. For example: {variable.name}={variable.example or variable.default}")


def _kept_keys(environ: Mapping[str, str]) -> dict[str, str]:
    data_dir = _read(next(variable for variable in VARIABLES if variable.name == "DATA_DIR"), environ)
    try:
        return {f"{name}_FILE": str(path) for name, path in _key_paths(data_dir, environ).items() if path.exists()}
    except OSError as error:
        raise ConfigError(f"DATA_DIR is {str(data_dir)!r}, which is not a folder that can be read.") from error


def _key_paths(data_dir: Path, environ: Mapping[str, str]) -> dict[str, Path]:
    """Returns the file in `data_dir` for each key that the environment does not set."""
    unset = [name for name in KEY_FILES if name not in environ and not environ.get(f"{name}_FILE")]
    return {name: data_dir / KEY_FILES[name] for name in unset}


def random_key() -> str:
    """Returns 32 random bytes as a Fernet key, which is also suitable for signing."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


def _write_once(path: Path, text: str) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _refuse_what_does_not_go_together(config: Config) -> None:
    if config.sign_in_header and not config.trusted_proxies:
        problem = f"SIGN_IN_HEADER is {config.sign_in_header!r}, but no proxy is trusted to set it."
        raise ConfigError(f"{problem} For example: TRUSTED_PROXIES=127.0.0.1")
    if config.web_concurrency > 1 and not config.redis_url:
        problem = f"WEB_CONCURRENCY is {config.web_concurrency}, but several workers need Redis to share their answers."
        raise ConfigError(f"{problem} For example: REDIS_URL=redis://localhost:6379/0")
    if config.redis_url and config.database_url.startswith("sqlite"):
        problem = "REDIS_URL is set, but several workers need PostgreSQL: with an SQLite file they would wait for each other."
        raise ConfigError(f"{problem} For example: DATABASE_URL=postgresql://millrace:password@localhost/millrace")
