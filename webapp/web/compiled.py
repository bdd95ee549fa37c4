"""Templates as they were compiled once, kept beside the database: the first requests after a restart come while answers go on."""

from pathlib import Path

from flask import Flask
from jinja2 import FileSystemBytecodeCache


def use(app: Flask, data_dir: Path) -> None:
    """Takes what `keep` has made; where nobody has, each template is compiled when it is first needed."""
    if _folder(data_dir).is_dir():
        app.jinja_env.bytecode_cache = FileSystemBytecodeCache(str(_folder(data_dir)))


def keep(app: Flask, data_dir: Path) -> None:
    """Compiles every template that has changed since."""
    _folder(data_dir).mkdir(mode=0o700, exist_ok=True)
    use(app, data_dir)
    for name in app.jinja_env.list_templates():
        app.jinja_env.get_template(name)


def _folder(data_dir: Path) -> Path:
    return data_dir / "compiled"
