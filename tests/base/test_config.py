"""The environment variables, and the error for each mistake in them."""

import stat
from pathlib import Path
from typing import Any

import pytest

from scripts.env_example import example
from webapp.base.config import ROOT, Config, ConfigError, database_words, load, make_keys, mistyped
from webapp.base.env_variables import VARIABLES

FERNET = "x" * 43 + "="
OTHER_FERNET = "y" * 43 + "="


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


def config(folder: Path, **environ: str) -> Config:
    return load({"DATA_DIR": str(folder), **environ})


def test_an_empty_environment_is_enough() -> None:
    config = load({})
    assert (config.bind, config.web_concurrency, config.max_streams, config.log_format) == ("127.0.0.1:8000", 1, 100, "text")
    assert config.data_dir == Path("data").absolute()
    assert config.database_url == f"sqlite:///{config.data_dir}/millrace.sqlite3"
    assert config.openrouter_base_url == "https://openrouter.ai/api/v1"
    assert (config.openrouter_temperature, config.openrouter_max_tokens, config.streaming_timeout_ms) == (None, None, None)


def test_an_empty_variable_means_its_default(folder: Path) -> None:
    empty = {variable.name: " " for variable in VARIABLES if variable.name not in ("SECRET_KEY", "ENCRYPTION_KEY", "DATA_DIR")}
    assert config(folder, **empty) == config(folder)


@pytest.mark.parametrize(
    ("name", "text", "field", "value"),
    [
        ("HOST", "::", "bind", "[::]:8000"),
        ("PORT", "9000", "bind", "127.0.0.1:9000"),
        ("PUBLIC_URL", "https://Chat.example.org/", "public_url", "https://chat.example.org"),
        ("ALLOWED_HOSTS", "Chat.lan, [::1],10.0.0.7,", "allowed_hosts", ("chat.lan", "::1", "10.0.0.7")),
        ("TRUSTED_PROXIES", "127.0.0.1, 10.0.0.0/8,::1", "trusted_proxies", ("127.0.0.1", "10.0.0.0/8", "::1")),
        ("DATABASE_URL", "postgres://u:p@h/db", "database_url", "postgresql+psycopg://u:p@h/db"),
        ("DATABASE_URL", "postgresql://u:p@h/db", "database_url", "postgresql+psycopg://u:p@h/db"),
        ("DATABASE_URL", "postgresql+psycopg://u:p@h/db", "database_url", "postgresql+psycopg://u:p@h/db"),
        ("DATABASE_URL", "sqlite:////srv/m.sqlite3", "database_url", "sqlite:////srv/m.sqlite3"),
        ("ENCRYPTION_KEY", f"{FERNET}, {OTHER_FERNET}", "encryption_keys", (FERNET, OTHER_FERNET)),
        ("OPENROUTER_BASE_URL", "http://localhost:11434/v1/", "openrouter_base_url", "http://localhost:11434/v1"),
        ("OPENROUTER_TEMPERATURE", "0.7", "openrouter_temperature", 0.7),
        ("OPENROUTER_MAX_TOKENS", "4096", "openrouter_max_tokens", 4096),
        ("STREAMING_TIMEOUT", "300000", "streaming_timeout_ms", 300000),
        ("STREAMING_TIMEOUT", "300000  # 5 minutes", "streaming_timeout_ms", 300000),
        ("STREAMING_TIMEOUT", "# 5 minutes", "streaming_timeout_ms", None),
        ("OPENROUTER_API_KEY", "sk-or-1\t#mine", "openrouter_api_key", "sk-or-1"),
        ("OPENROUTER_X_TITLE", "Team #1", "openrouter_x_title", "Team #1"),
        ("SECRET_KEY", "#not-a-comment#-as-it-is", "secret_key", "#not-a-comment#-as-it-is"),
        ("SECRET_KEY", "one secret # with spaces", "secret_key", "one secret # with spaces"),
        ("STREAMING_CHUNK_SIZE", "1024", "streaming_chunk_size", 1024),
        (
            "CORS_ORIGINS",
            "https://a.example,http://localhost:3000",
            "cors_origins",
            ("https://a.example", "http://localhost:3000"),
        ),
        ("DEBUG", "chat:streaming,upstream:*", "debug", frozenset({"chat:streaming", "upstream:*"})),
        ("LOG_FORMAT", "json", "log_format", "json"),
        ("LOG_CONTENT", "1", "log_content", True),
        ("MAX_STREAMS", "7", "max_streams", 7),
    ],
)
def test_it_reads(folder: Path, name: str, text: str, field: str, value: Any) -> None:
    assert getattr(config(folder, **{name: text}), field) == value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("HOST", "http://localhost"),
        ("HOST", "localhost:8000"),
        ("PORT", "http"),
        ("PORT", "65536"),
        ("PUBLIC_URL", "chat.example.org"),
        ("PUBLIC_URL", "https://chat.example.org/chat"),
        ("PUBLIC_URL", "https://[chat"),
        ("ALLOWED_HOSTS", "*"),
        ("ALLOWED_HOSTS", "https://chat.lan"),
        ("TRUSTED_PROXIES", "*"),
        ("SIGN_IN_HEADER", "Cookie"),
        ("SIGN_IN_HEADER", "Remote_Email"),
        ("TRUSTED_PROXIES", "10.0.0.1/8"),
        ("WEB_CONCURRENCY", "0"),
        ("REDIS_URL", "localhost:6379"),
        ("DATABASE_URL", "mysql://localhost/millrace"),
        ("DATABASE_URL", "sqlite://"),
        ("DATABASE_URL", "sqlite:///:memory:"),
        ("SECRET_KEY", ""),
        ("SECRET_KEY", "too short"),
        ("ENCRYPTION_KEY", ""),
        ("ENCRYPTION_KEY", ","),
        ("ENCRYPTION_KEY", f"{FERNET},nonsense"),
        ("OPENROUTER_API_KEY", "sk-or-\nX-Evil: 1"),
        ("OPENROUTER_BASE_URL", "ftp://models.example"),
        ("OPENROUTER_BASE_URL", "https://user@models.example/v1"),
        ("OPENROUTER_TEMPERATURE", "nan"),
        ("OPENROUTER_TEMPERATURE", "2.1"),
        ("OPENROUTER_MAX_TOKENS", "0"),
        ("OPENROUTER_X_TITLE", "two\nlines"),
        ("STREAMING_TIMEOUT", "-1"),
        ("STREAMING_CHUNK_SIZE", "0"),
        ("CORS_ORIGINS", "*"),
        ("CORS_ORIGINS", "https://a.example/path"),
        ("DEBUG", "1"),
        ("DEBUG", "true"),
        ("LOG_FORMAT", "xml"),
        ("LOG_CONTENT", "yes"),
        ("MAX_STREAMS", "many"),
    ],
)
def test_it_refuses(folder: Path, name: str, text: str) -> None:
    with pytest.raises(ConfigError, match=rf"^{name} .*For example: {name}=\S"):
        config(folder, **{name: text})


POSTGRES, REDIS = "postgresql://localhost/millrace", "redis://localhost"


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"WEB_CONCURRENCY": "2"}, "WEB_CONCURRENCY is 2, but several workers need Redis"),
        ({"WEB_CONCURRENCY": "2", "DATABASE_URL": POSTGRES}, "WEB_CONCURRENCY is 2, but several workers need Redis"),
        ({"WEB_CONCURRENCY": "2", "REDIS_URL": REDIS}, "REDIS_URL is set, but several workers need PostgreSQL"),
        ({"REDIS_URL": REDIS}, "REDIS_URL is set, but several workers need PostgreSQL"),
    ],
)
def test_several_workers_without_redis_and_postgresql_are_refused(folder: Path, environ: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError, match=f"^{words}.* For example: "):
        config(folder, **environ)


def test_several_workers_with_both_are_welcome(folder: Path) -> None:
    assert config(folder, WEB_CONCURRENCY="4", REDIS_URL=REDIS, DATABASE_URL=POSTGRES).web_concurrency == 4


def test_data_in_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="not a folder"):
        config(tmp_path / "file")


def test_a_refused_secret_is_not_shown(folder: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        config(folder, ENCRYPTION_KEY="my-secret-but-wrong-key")
    assert "my-secret" not in str(refused.value)


def test_secrets_stay_out_of_the_repr(folder: Path) -> None:
    secrets = {"SECRET_KEY": "hidden-" * 3, "OPENROUTER_API_KEY": "hidden-key", "DATABASE_URL": "postgres://u:hidden@h/db"}
    assert "hidden" not in repr(config(folder, **secrets))


@pytest.mark.parametrize(
    "rest", ["u:hidden@hidden@h/db", "u:hidden/7@h/db", "u:7/hidden@h/db", "u:hidden#7@h/db", "[::hidden/db"]
)
def test_a_password_that_would_be_taken_for_a_part_of_the_address_is_not_told(folder: Path, rest: str) -> None:
    with pytest.raises(ConfigError, match=r"^DATABASE_URL .*%40") as refused:
        config(folder, DATABASE_URL=f"postgresql://{rest}")
    assert "hidden" not in str(refused.value)


@pytest.mark.parametrize("name", ["SECRET_KEY", "OPENROUTER_API_KEY"])
def test_a_secret_can_come_from_a_file(tmp_path: Path, folder: Path, name: str) -> None:
    (tmp_path / "secret").write_text("a secret long enough\n")
    read = config(folder, **{f"{name}_FILE": str(tmp_path / "secret")})
    assert getattr(read, name.lower()) == "a secret long enough"


@pytest.mark.parametrize(("content", "wrong"), [(None, "cannot be read"), ("\n", "is empty"), ("short", "at least 16")])
def test_a_file_that_gives_no_secret_is_refused(tmp_path: Path, folder: Path, content: str | None, wrong: str) -> None:
    if content is not None:
        (tmp_path / "secret").write_text(content)
    with pytest.raises(ConfigError, match=f"^SECRET_KEY .*{wrong}"):
        config(folder, SECRET_KEY_FILE=str(tmp_path / "secret"))


@pytest.mark.parametrize("name", ["x" * 300, "/x" * 2_100], ids=["the folder", "its keys"])
def test_a_folder_that_cannot_be_read_is_refused(tmp_path: Path, name: str) -> None:
    folder = f"{tmp_path}/{name}"[:4_090]
    with pytest.raises(ConfigError, match=r"^DATA_DIR is .* not a folder that can be read"):
        config(Path(folder))


def test_a_secret_given_twice_is_refused(folder: Path) -> None:
    with pytest.raises(ConfigError, match="both set"):
        config(folder, SECRET_KEY="s" * 16, SECRET_KEY_FILE="/run/secrets/key")


def test_keys_are_made_once_and_read_by_nobody_else(folder: Path) -> None:
    made = make_keys(folder, {})
    assert [path.name for path in made] == ["secret_key", "encryption_key"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in made} == {0o600}
    first = config(folder)
    assert len(first.secret_key) >= 16
    assert len(first.encryption_keys) == 1
    assert make_keys(folder, {}) == []
    assert config(folder) == first


def test_keys_in_the_environment_are_not_made_and_win(folder: Path) -> None:
    make_keys(folder, {})
    assert config(folder, SECRET_KEY="s" * 16).secret_key == "s" * 16
    assert make_keys(folder / "other", {"SECRET_KEY": "s" * 16, "ENCRYPTION_KEY_FILE": "/run/secrets/key"}) == []


def test_without_keys_it_says_so_by_leaving_them_empty(folder: Path) -> None:
    assert (config(folder).secret_key, config(folder).encryption_keys) == ("", ())


@pytest.mark.parametrize(
    ("wishes", "namespace", "expected"),
    [
        ("chat:streaming", "chat:streaming", True),
        ("chat:streaming", "chat:saving", False),
        ("chat", "chat:streaming", True),
        ("chat", "chats:streaming", False),
        ("chat:*", "chat:streaming", True),
        ("*", "anything", True),
        ("", "chat:streaming", False),
        ("stream", "chat:streaming", True),
        ("stream", "plan:streaming", True),
        ("stream", "chat:saving", False),
        ("plan", "plan:streaming", True),
        ("plan", "chat:streaming", False),
    ],
)
def test_debugging_is_asked_for_by_namespace(folder: Path, wishes: str, namespace: str, expected: bool) -> None:
    assert config(folder, DEBUG=wishes).is_debugging(namespace) is expected


def test_the_example_file_shows_every_variable() -> None:
    assert (ROOT / ".env.example").read_text("utf-8") == example(), "make fix writes it anew"


def test_every_field_comes_from_one_variable() -> None:
    assert sorted(variable.field for variable in VARIABLES) == sorted(Config.__dataclass_fields__)


@pytest.mark.parametrize("variable", VARIABLES, ids=lambda variable: variable.name)
def test_every_variable_is_explained_with_an_example(variable: Any) -> None:
    assert variable.sentence.endswith(".")
    assert variable.example or variable.default


@pytest.fixture
def env_file(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that this process takes its variables from; what it takes is gone after the test."""
    path = tmp_path / "environment"
    for name in (variable.name for variable in VARIABLES):
        # Set first, so that it is remembered as absent.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setenv("ENV_FILE", str(path))
    monkeypatch.setenv("DATA_DIR", str(folder))
    return path


def test_a_file_beside_the_program_sets_what_the_environment_does_not(env_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    env_file.write_bytes(
        b"# old\r\nPORT=9000\r\nMAX_STREAMS=7\r\nSTREAMING_TIMEOUT=300000  # 5 minutes\r\n"
        b'DATABASE_URL=postgres://u:a&b$c@h/db?sslmode=require&x=1\r\nOPENROUTER_X_TITLE="Team # 1"\r\n'
    )
    monkeypatch.setenv("MAX_STREAMS", "8")
    config = load()
    assert (config.port, config.max_streams, config.streaming_timeout_ms) == (9000, 8, 300000)
    assert config.database_url == "postgresql+psycopg://u:a&b$c@h/db?sslmode=require&x=1"
    assert config.openrouter_x_title == "Team # 1"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "ENV_FILE is .*, which doesn't exist"),
        (b"PORT=1\nexport MAX_STREAMS=7\n", "a line without a variable, line 2"),
        (b"PORT=\xff", "isn't text in UTF-8"),
        (b"PORT=\0", "a character that no variable can have"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused(env_file: Path, content: bytes | None, words: str) -> None:
    if content is not None:
        env_file.write_bytes(content)
    with pytest.raises(ConfigError, match=words):
        load()


def test_a_name_that_is_nearly_one_of_ours_is_told() -> None:
    environ = {
        "MAX_STREAM": "7",
        "REDIS_URI": "",
        "PGHOST": "h",
        "HOSTNAME": "h",
        "HOME": "/",
        "SECRET_KEY_FILE": "/k",
        "PORT": "1",
    }
    assert mistyped(environ) == [
        "MAX_STREAM is not a variable of Millrace. Did you mean MAX_STREAMS?",
        "REDIS_URI is not a variable of Millrace. Did you mean REDIS_URL?",
    ]
    assert mistyped({"MAX_STREAM": "7", "MAX_STREAMS": "7"}) == []


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "SQLite {folder}/millrace.sqlite3"),
        ("postgresql://ann:secret@db.lan:5433/mill%20race", "PostgreSQL mill race at db.lan:5433, as ann"),
        ("postgresql:///millrace", "PostgreSQL millrace at this machine"),
        ("postgresql://h/db?password=secret", "PostgreSQL db at h"),
    ],
)
def test_a_database_is_named_without_its_password(folder: Path, url: str, words: str) -> None:
    assert database_words(config(folder, DATABASE_URL=url)) == words.format(folder=folder)
