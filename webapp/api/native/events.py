"""The events of the native streams, one for each entry of a log, after a snapshot where one is needed."""

from dataclasses import fields
from typing import Any

from pydantic import create_model

from webapp.api.schemas import Answer, Grammar, register
from webapp.api.streaming.encoding import DialectFrame, StreamState, as_json
from webapp.streaming.events import GENERATION_EVENTS, Text, to_json
from webapp.streaming.topics import Entry

# Events with a fixed place in the order; all others occur between the first of these and the second.
PLACED = ("started", "failed", "saved", "ended")


class SnapshotEvent(Answer):
    """Everything written so far, as the requested position is gone. It replaces what the client has read before."""

    generation_id: str
    message_id: str
    chat_id: str
    status: str
    seq: int
    text: str
    reasoning: str


def _schema(kind: type[Any]) -> type[Answer]:
    typed: dict[str, Any] = {field.name: (field.type, ...) for field in fields(kind)}
    return create_model(f"{kind.__name__}Event", __base__=Answer, **typed)


EVENTS = register(
    "generation",
    Grammar(
        order=f"snapshot? started? ({'|'.join(name for name in GENERATION_EVENTS if name not in PLACED)})* failed? saved* ended",
        events={"snapshot": SnapshotEvent, **{name: _schema(kind) for name, kind in GENERATION_EVENTS.items()}},
        sentence=(
            "One event per entry in the generation's log; `id:` is its number, from 1 without gaps. All `delta` texts in "
            "order equal the stored text. `asking` is no entry and has no `id:`. A `snapshot` is sent first, and only if the "
            "requested position is no longer available."
        ),
    ),
)


class CanonicalEncoder:
    """Encodes the native dialect: `event:` names the type, `data:` holds its fields; a snapshot opens if a position is gone."""

    takes_snapshots = True
    fits_packets = False
    takes_transient = True

    def opening(self, state: StreamState) -> list[DialectFrame]:
        if not state.is_snapshot:
            return []
        texts = {"text": state.text, "reasoning": state.reasoning}
        of = {"generation_id": state.generation_id, "message_id": state.message_id, "chat_id": state.chat_id}
        return [DialectFrame({**of, "status": state.status, "seq": state.seq, **texts}, "snapshot")]

    def encode(self, entry: Entry) -> list[DialectFrame]:
        event = entry.event
        if isinstance(event, Text):
            # Nearly all events are text: to encode the text alone and format the object around it takes a fifth of the time.
            return [DialectFrame(f'{{"text":{as_json(event.text)}}}', type(event).__name__.lower())]
        fields = to_json(event)
        return [DialectFrame(fields, str(fields.pop("kind")))]

    def closing(self) -> list[DialectFrame]:
        return []
