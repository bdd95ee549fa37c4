"""Caches compiled templates in the data directory, as the first requests after a restart compete with running answers."""

from contextlib import suppress
from pathlib import Path

from flask import Flask
from jinja2 import FileSystemBytecodeCache
from jinja2.bccache import Bucket


class BytecodeCache(FileSystemBytecodeCache):
    """A bytecode cache that ignores write errors, such as a full disk; the next process compiles the template again."""

    def dump_bytecode(self, bucket: Bucket) -> None:
        with suppress(OSError):
            super().dump_bytecode(bucket)


def use(app: Flask, data_dir: Path) -> None:
    """Enables the cache that `compile_all` filled; without it, each template is compiled on first use."""
    if _folder(data_dir).is_dir():
        app.jinja_env.bytecode_cache = BytecodeCache(str(_folder(data_dir)))


def compile_all(app: Flask, data_dir: Path) -> None:
    """Compiles every template that has changed since the cache was written."""
    _folder(data_dir).mkdir(mode=0o700, exist_ok=True)
    use(app, data_dir)
    for name in app.jinja_env.list_templates():
        app.jinja_env.get_template(name)


def _folder(data_dir: Path) -> Path:
    return data_dir / "compiled"
