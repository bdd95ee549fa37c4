"""Names of tools as providers take them: letters, digits, `_` and `-`, up to 64, no two alike. Pure."""

import re
from collections.abc import Iterable
from hashlib import sha256

LONGEST = 64
# Of the keys that a character or a prompt names.
MOST_NAMED, KEY_CHARS = 20, 200
FOREIGN = re.compile(r"[^A-Za-z0-9_-]")


def safe_names(keys: Iterable[str]) -> dict[str, str]:
    """Returns the name of each key; one that isn't its own name, or that another has, gets a few letters of its hash."""
    names: dict[str, str] = {}
    for key in sorted(keys, key=lambda key: (key != FOREIGN.sub("_", key)[:LONGEST], key)):
        name = FOREIGN.sub("_", key)[:LONGEST]
        if name in names.values():
            name = f"{name[: LONGEST - 9]}_{sha256(key.encode()).hexdigest()[:8]}"
        names[key] = name
    return names
