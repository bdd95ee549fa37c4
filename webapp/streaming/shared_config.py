"""The config that all workers must share: otherwise one would reject, or not find, what another has stored. Pure."""

import json
from dataclasses import asdict, dataclass

UNLIKE = (
    "Another server uses this Redis with another {}. Set the same SECRET_KEY and ENCRYPTION_KEY on every machine, and FILES_DIR "
    "to a folder that all of them share; or use another database of Redis for another Millrace (redis://localhost:6379/1). "
    "After a change, stop every server for a minute."
)


@dataclass(frozen=True, slots=True)
class SharedConfig:
    """Fingerprints that reveal nothing about the values; an empty one is unknown."""

    secret: str = ""
    encryption: tuple[str, ...] = ()
    files: str = ""


def written(shared_config: SharedConfig) -> str:
    return json.dumps(asdict(shared_config))


def read(text: str) -> SharedConfig:
    values = json.loads(text)
    return SharedConfig(values["secret"], tuple(values["encryption"]), values["files"])


def differing(mine: SharedConfig, theirs: SharedConfig) -> str:
    """Returns the variable with a different value in other workers; empty if they agree.

    One common encryption key is enough: during a key rotation, the servers get the new key one after another.
    """
    if mine.secret != theirs.secret:
        return "SECRET_KEY"
    if mine.encryption and theirs.encryption and not {*mine.encryption} & {*theirs.encryption}:
        return "ENCRYPTION_KEY"
    return "FILES_DIR" if mine.files and theirs.files and mine.files != theirs.files else ""
