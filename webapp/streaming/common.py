"""What all workers must have in common, or each would refuse, or miss, what another has made. Pure."""

import json
from dataclasses import asdict, dataclass

UNLIKE = (
    "Another server uses this Redis with another {}. Set the same SECRET_KEY and ENCRYPTION_KEY on every machine, and FILES_DIR "
    "to a folder that all of them share; or use another database of Redis for another Millrace (redis://localhost:6379/1). "
    "After a change, stop every server for a minute."
)


@dataclass(frozen=True, slots=True)
class Common:
    """Names that tell nothing of what they stand for; an empty one is not known."""

    secret: str = ""
    encryption: tuple[str, ...] = ()
    files: str = ""


def written(common: Common) -> str:
    return json.dumps(asdict(common))


def read(text: str) -> Common:
    told = json.loads(text)
    return Common(told["secret"], tuple(told["encryption"]), told["files"])


def differing(mine: Common, theirs: Common) -> str:
    """The variable that others have set otherwise; empty where they agree.

    One key for encryption in common is enough: while keys are changed, one server after the other gets to know the new one.
    """
    if mine.secret != theirs.secret:
        return "SECRET_KEY"
    if mine.encryption and theirs.encryption and not {*mine.encryption} & {*theirs.encryption}:
        return "ENCRYPTION_KEY"
    return "FILES_DIR" if mine.files and theirs.files and mine.files != theirs.files else ""
