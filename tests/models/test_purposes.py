"""Which listed model is taken for dictation, reading aloud and pictures if no admin has chosen one."""

from random import Random

import pytest

from webapp.models.connections.purposes import DICTATION_MODEL, MARKS, PICTURE_MODEL, READING_MODEL, suited
from webapp.models.providers.base import Model

OPENAI = [
    *("gpt-5", "gpt-4o-mini-tts-2025-12-15", "gpt-4o-mini-tts", "tts-1-hd", "tts-1", "gpt-4o-transcribe-diarize"),
    *("gpt-4o-mini-transcribe", "whisper-1", "gpt-4o-transcribe", "gpt-realtime-whisper", "dall-e-2", "gpt-image-1-mini"),
    *("gpt-image-1", "gpt-image-2", "gpt-image-1.5", "chatgpt-image-latest", "text-embedding-3-large"),
]
CASES = [
    (DICTATION_MODEL, OPENAI, "gpt-4o-transcribe"),
    (READING_MODEL, OPENAI, "tts-1"),
    (PICTURE_MODEL, OPENAI, "gpt-image-2"),
    (DICTATION_MODEL, ["whisper-large-v3", "whisper-large-v3-turbo", "llama-3.3-70b-versatile"], "whisper-large-v3"),
    (DICTATION_MODEL, ["Systran/faster-distil-whisper-small.en"], "Systran/faster-distil-whisper-small.en"),
    (DICTATION_MODEL, ["gpt-4o-realtime-transcribe", "gpt-4o-transcribe-diarize"], ""),
    (DICTATION_MODEL, ["a-whispering-otter", "llama3.2"], ""),
    (READING_MODEL, ["speaches-ai/Kokoro-82M-v1.0-ONNX", "whisper-1"], "speaches-ai/Kokoro-82M-v1.0-ONNX"),
    (READING_MODEL, ["models/gemini-2.5-flash-preview-tts", "attstation"], ""),
    (PICTURE_MODEL, ["dall-e-2", "dall-e-3"], "dall-e-3"),
    (PICTURE_MODEL, ["models/imagen-4.0-generate-001", "models/gemini-2.5-flash"], "models/imagen-4.0-generate-001"),
    (PICTURE_MODEL, ["llama3.2", "x/flux2-klein:4b"], "x/flux2-klein:4b"),
    (PICTURE_MODEL, ["black-forest-labs/FLUX.1-schnell"], "black-forest-labs/FLUX.1-schnell"),
    (PICTURE_MODEL, ["imagenation-7b", "influx-lm", "fluxional", ""], ""),
    *((purpose, [], "") for purpose in MARKS),
]


@pytest.mark.parametrize(("purpose", "ids", "wanted"), CASES)
def test_the_best_suited_is_taken_in_whatever_order_they_are_listed(purpose: str, ids: list[str], wanted: str) -> None:
    models = [Model(id, id) for id in ids]
    for seed in range(5):
        Random(seed).shuffle(models)
        assert suited(purpose, models) == wanted


def test_a_list_that_names_its_models_for_pictures_is_believed() -> None:
    models = [Model("plain", "Plain"), Model("some/painter", "Painter", draws=True)]
    assert [suited(purpose, models) for purpose in MARKS] == ["", "", "some/painter"]
    assert suited(PICTURE_MODEL, [*models, Model("dall-e-3", "x")]) == "dall-e-3"


def test_long_names_take_no_time() -> None:
    for id in ("a" * 100_000, "tts" * 30_000, "gemini" * 20_000):
        assert all(suited(purpose, [Model(id, id)]) == "" for purpose in MARKS)
