"""The events of the native API: canonical ones as they are, one for each entry. Pure."""

from webapp.api.encoders.base import Frame, State
from webapp.streaming.events import to_json
from webapp.streaming.topics import Entry


class CanonicalEncoder:
    """`event:` names the type, `data:` holds its fields; a reader whose position is gone begins with a snapshot."""

    takes_snapshots = True

    def opening(self, state: State) -> list[Frame]:
        if not state.is_snapshot:
            return []
        said = {"text": state.text, "reasoning": state.reasoning}
        of = {"generation_id": state.generation_id, "message_id": state.message_id, "chat_id": state.chat_id}
        return [Frame({**of, "status": state.status, "seq": state.seq, **said}, "snapshot")]

    def encode(self, entry: Entry) -> list[Frame]:
        fields = to_json(entry.event)
        return [Frame(fields, str(fields.pop("kind")))]

    def closing(self) -> list[Frame]:
        return []
