"""Templates as they were compiled once, kept beside the database: the first requests after a restart come while answers go on."""

from contextlib import suppress
from pathlib import Path

from flask import Flask
from jinja2 import FileSystemBytecodeCache
from jinja2.bccache import Bucket


class Kept(FileSystemBytecodeCache):
    """What cannot be written down, for want of room or rights, is compiled again by the next process."""

    def dump_bytecode(self, bucket: Bucket) -> None:
        with suppress(OSError):
            super().dump_bytecode(bucket)


def use(app: Flask, data_dir: Path) -> None:
    """Uses the templates that `keep` compiled; without them, each template is compiled when it is first needed."""
    if _folder(data_dir).is_dir():
        app.jinja_env.bytecode_cache = Kept(str(_folder(data_dir)))


def keep(app: Flask, data_dir: Path) -> None:
    """Compiles every template that has changed since."""
    _folder(data_dir).mkdir(mode=0o700, exist_ok=True)
    use(app, data_dir)
    for name in app.jinja_env.list_templates():
        app.jinja_env.get_template(name)


def _folder(data_dir: Path) -> Path:
    return data_dir / "compiled"
