"""A cache of compiled templates for all applications of a process and the other shards of the same run."""

import os
from pathlib import Path
from types import CodeType

from jinja2 import FileSystemBytecodeCache
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


def _folder_of_the_run() -> FileSystemBytecodeCache | None:
    if "PREPARED" not in os.environ:
        return None
    folder = Path(os.environ["PREPARED"]) / "templates"
    folder.mkdir(exist_ok=True)
    return FileSystemBytecodeCache(str(folder))
