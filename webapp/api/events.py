"""The grammar of the native event streams."""

from webapp.api.grammars import Grammar, register
from webapp.api.schemas.generations import CANONICAL

EVENTS = register(
    "generation",
    Grammar(
        order="snapshot? started? (phase|delta|reasoning|sources|notice|usage)* failed? saved* ended",
        events=CANONICAL,
        sentence=(
            "One event for each entry of the generation's log; `id:` is its number, from 1 without gaps. All `delta` texts in "
            "their order are the stored text. A `snapshot` comes first, and only, when the position asked for is gone."
        ),
    ),
)
