"""Caches of templates, and of compiled ones, for all applications of a process and the other shards of the same run."""

import os
from collections.abc import Callable
from pathlib import Path
from types import CodeType

from jinja2 import BaseLoader, Environment, FileSystemBytecodeCache
from jinja2.bccache import Bucket, BytecodeCache


class CompiledTemplates(BytecodeCache):
    """Caches in memory, and on disk where shards share a data folder: compiling all templates takes a core a second."""

    def __init__(self) -> None:
        self._codes: dict[tuple[str, str], CodeType | None] = {}
        self._shared = _folder_of_the_run()

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._codes.get((bucket.key, bucket.checksum))
        if bucket.code is None and self._shared:
            self._shared.load_bytecode(bucket)
            self._codes[bucket.key, bucket.checksum] = bucket.code

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._codes[bucket.key, bucket.checksum] = bucket.code
        if self._shared:
            self._shared.dump_bytecode(bucket)


Source = tuple[str, str | None, Callable[[], bool] | None]
_read: dict[str, Source] = {}


class ReadOnce(BaseLoader):
    """Reads each template once for all applications, which have the same."""

    def __init__(self, loader: BaseLoader) -> None:
        self._loader = loader

    def get_source(self, environment: Environment, template: str) -> Source:
        if (known := _read.get(template)) is None:
            known = _read[template] = self._loader.get_source(environment, template)
        return known

    def list_templates(self) -> list[str]:
        return self._loader.list_templates()


def _folder_of_the_run() -> FileSystemBytecodeCache | None:
    if "PREPARED" not in os.environ:
        return None
    folder = Path(os.environ["PREPARED"]) / "templates"
    folder.mkdir(exist_ok=True)
    return FileSystemBytecodeCache(str(folder))
