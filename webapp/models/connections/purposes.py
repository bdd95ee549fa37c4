"""Which listed model writes down speech, reads aloud or makes pictures where the setting for it is empty. Pure."""

import re
from collections.abc import Mapping, Sequence

from webapp.models.providers.base import Model

DICTATION_MODEL, READING_MODEL, PICTURE_MODEL = "voice.dictation_model", "voice.reading_model", "tools.picture_model"
OFF = "off"
# Words of ids, the best first. A list says only of models for pictures what they are for.
MARKS: Mapping[str, Sequence[str]] = {
    DICTATION_MODEL: ("transcribe", "whisper"),
    READING_MODEL: ("tts", "kokoro"),
    PICTURE_MODEL: ("gpt-image", "dall-e", "imagen", "flux"),
}
# They take other requests than those that are sent.
OTHERS = re.compile(r"realtime|diarize|gemini.*tts")


def suited(purpose: str, models: Sequence[Model]) -> str:
    """Returns the id of the model that suits a purpose best, empty if none does: the shortest name, the highest number."""
    ranked = [(-rank, -len(model.id), model.id) for model in models if (rank := _rank(purpose, model)) is not None]
    return max(ranked)[2] if ranked else ""


def _rank(purpose: str, model: Model) -> int | None:
    id, marks = model.id.lower(), MARKS[purpose]
    if OTHERS.search(id):
        return None
    ranks = (rank for rank, mark in enumerate(marks) if re.search(rf"(?<![a-z]){mark}(?![a-z])", id))
    return next(ranks, len(marks) if purpose == PICTURE_MODEL and model.draws else None)
