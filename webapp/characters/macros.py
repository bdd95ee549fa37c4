"""What stands for a name in texts: `{{user}}` and `{{char}}`, in large letters or small. Pure."""

import re
from dataclasses import dataclass

# How the first cards wrote the same.
LEGACY = re.compile(r"<(user|bot|char)>", re.IGNORECASE | re.ASCII)
MACRO = re.compile(r"\{\{(user|char)\}\}", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True, slots=True)
class Names:
    """Who speaks with whom; a name that nobody has is not filled in."""

    user: str = ""
    char: str = ""

    def fill(self, text: str) -> str:
        """The text with the names in it; everything else stays as it was written."""
        names = {"user": self.user, "char": self.char}
        return MACRO.sub(lambda found: names[found[1].lower()] or found[0], text)
