"""Forms that can be open in two tabs: a field left unchanged does not undo what was saved elsewhere."""

import json
from collections.abc import Collection
from hashlib import sha256
from typing import Any, Self
from zlib import crc32

from wtforms import HiddenField

from webapp.web.forms import Form


class MergingForm(Form):
    seen = HiddenField()

    @classmethod
    def fresh(cls, **values: Any) -> Self:
        form = super().fresh(**values)
        form.seen.data = " ".join(f"{field.name}={_digest(field.data)}" for field in form if field.name in values)
        return form

    def merge(self, now: Self) -> None:
        """Updates each field that was not edited since the form was rendered to its current value."""
        for name, _, digest in (pair.partition("=") for pair in (self.seen.data or "").split()):
            if name in self and name in now and _digest(self[name].data) == digest:
                self[name].data = now[name].data

    def keep_others(self, names: Collection[str], now: Self) -> None:
        """Gives every field but these its current value, for a request that sends only these."""
        for field in self:
            if field.name not in names:
                field.data = now[field.name].data


def mark_of(value: Any) -> str:
    """Returns a hash to detect concurrent changes of a value that cannot be merged."""
    return sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def _digest(value: Any) -> str:
    texts = sorted(value) if isinstance(value, list | tuple) else [str(value or "")]
    # Browsers send CRLF line breaks.
    return f"{crc32(chr(0).join(texts).replace(chr(13), '').encode('utf-8', 'replace')):x}"
