"""Searches for words as bytes in everything that a server keeps, and in a new backup."""

from pathlib import Path

from flask import Flask

from tests.support import postgres, redis_server
from webapp.base.current import the_config
from webapp.base.db import db, is_sqlite
from webapp.operations.health import backups


def remains(app: Flask, words: str, redis: redis_server.Server | None = None) -> list[str]:
    """Returns what has these words: the database, its log, whatever else is in the data folder, a new backup, and Redis."""
    with app.app_context():
        folder = the_config().data_dir
        copy = backups.dated_name(folder)
        if is_sqlite():
            backups.copy_database(copy)
        else:
            copy.write_bytes(postgres.dumped(db.engine.url.render_as_string(hide_password=False)))
        held = [path for path in sorted(folder.rglob("*")) if path.is_file() and words.encode() in path.read_bytes()]
        copy.unlink()
        in_redis = ["Redis"] if redis and words.encode() in redis.dumped(folder) else []
    return [*(str(Path(path).relative_to(folder)) for path in held), *in_redis]
