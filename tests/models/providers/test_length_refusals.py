"""Refusals for length as each server gives them: what its context holds, and how long the prompt was."""

import pytest

from webapp.models.providers.error_mapping import error_of, plain_error_of, provider_error
from webapp.streaming.failure import TooLong


def said(message: str, **more: object) -> dict:
    return {"error": {"message": message, **more}}


REFUSALS = [
    # OpenAI.
    (
        400,
        said(
            "This model's maximum context length is 4097 tokens. However, you requested 5078 tokens (4078 in "
            "the messages, 1000 in the"
            " completion). Please reduce the length of the messages or completion.",
            type="invalid_request_error",
            param="messages",
            code="context_length_exceeded",
        ),
        TooLong(4097, 4078),
    ),
    (
        400,
        said(
            "This model's maximum context length is 128000 tokens. However, your messages resulted in 130,500 tokens.",
            code="context_length_exceeded",
        ),
        TooLong(128_000, 130_500),
    ),
    (
        400,
        said("Your input exceeds the context window of this model. Please adjust your input.", code="context_length_exceeded"),
        TooLong(),
    ),
    # llama-cpp-python, with the number that was asked for alone.
    (
        400,
        said(
            "This model's maximum context length is 4096 tokens. However, you requested 9036 tokens. Please "
            "reduce the length of the"
            " messages or completion.",
            type="invalid_request_error",
            code="context_length_exceeded",
        ),
        TooLong(4096, 9036),
    ),
    # The same within a stream, and as a failure of the server.
    (None, said("This model's maximum context length is 4096 tokens. However, you requested 9036 tokens"), TooLong(4096, 9036)),
    (500, said("This model's maximum context length is 4096 tokens.", type="internal_server_error"), TooLong(4096)),
    # llama.cpp.
    (
        400,
        said(
            "the request exceeds the available context size, try increasing it",
            code=400,
            type="exceed_context_size_error",
            n_prompt_tokens=5031,
            n_ctx=4096,
        ),
        TooLong(4096, 5031),
    ),
    (
        400,
        said(
            "request (5031 tokens) exceeds the available context size (4096 tokens), try increasing it",
            code=400,
            type="exceed_context_size_error",
        ),
        TooLong(4096, 5031),
    ),
    (
        500,
        said("the request exceeds the available context size. try increasing the context size", type="server_error"),
        TooLong(),
    ),
    # vLLM, older and newer.
    (
        400,
        {
            "object": "error",
            "message": "This model's maximum context length is 2048 tokens. However, you requested 2600 tokens "
            "(2088 in the messages, "
            "512 in the completion). Please reduce the length of the messages or completion.",
            "type": "BadRequestError",
            "code": 400,
        },
        TooLong(2048, 2088),
    ),
    (
        400,
        said(
            "'max_tokens' or 'max_completion_tokens' is too large: 4000. This model's maximum context length is "
            "4096 tokens and your "
            "request has 900 input tokens (4000 > 4096 - 900).",
            type="BadRequestError",
        ),
        TooLong(4096, 900),
    ),
    (400, said("The decoder prompt (length 5000) is longer than the maximum model length of 4096."), TooLong(4096, 5000)),
    # SGLang.
    (
        400,
        said(
            "Requested token count exceeds the model's maximum context length of 4096 tokens. You requested a "
            "total of 5012 tokens: "
            "4500 tokens from the input messages and 512 tokens for the completion."
        ),
        TooLong(4096, 4500),
    ),
    (400, said("The input (5000 tokens) is longer than the model's context length (4096 tokens)."), TooLong(4096, 5000)),
    # Anthropic.
    (400, said("prompt is too long: 208310 tokens > 200000 maximum", type="invalid_request_error"), TooLong(200_000, 208_310)),
    (
        400,
        said(
            "input length and `max_tokens` exceed context limit: 198309 + 8192 > 200000, decrease input length "
            "or `max_tokens` and try "
            "again",
            type="invalid_request_error",
        ),
        TooLong(200_000, 198_309),
    ),
    # Ollama.
    (400, {"error": "prompt too long; exceeded max context length by 812 tokens"}, TooLong()),
    (500, said("the input length exceeds the context length", type="api_error"), TooLong()),
    # LM Studio.
    (
        400,
        {
            "error": "The number of tokens to keep from the initial prompt is greater than the context length. "
            "Try to load the model with "
            "a larger context length, or provide a shorter input"
        },
        TooLong(),
    ),
    (
        None,
        said(
            "Trying to keep the first 5000 tokens when context the overflows. However, the model is loaded with "
            "context length of only "
            "4096 tokens, which is not enough."
        ),
        TooLong(4096),
    ),
    # OpenRouter, its own and what it passes on.
    (
        400,
        said(
            "This endpoint's maximum context length is 32768 tokens. However, you requested about 40123 tokens "
            "(39123 of text input, 1000 "
            'in the output). Please reduce the length of either one, or use the "middle-out" transform.',
            code=400,
        ),
        TooLong(32_768, 39_123),
    ),
    (
        400,
        said(
            "Provider returned error",
            code=400,
            metadata={
                "raw": '{"error": {"message": "prompt is too long: 210000 tokens > 200000 maximum"}}',
                "provider_name": "X",
            },
        ),
        TooLong(200_000, 210_000),
    ),
    (400, said("Too long", code=400, metadata={"error_type": "context_length_exceeded"}), TooLong()),
    # Google, Mistral, xAI, Cohere, Fireworks, Bedrock, Groq, Text Generation Inference.
    (
        400,
        said("The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).", code=400),
        TooLong(1_048_576, 1_200_000),
    ),
    (
        400,
        {
            "object": "error",
            "message": "Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length",
        },
        TooLong(32_768, 40_000),
    ),
    (
        400,
        {"error": "This model's maximum prompt length is 131072 but the request contains 150000 tokens."},
        TooLong(131_072, 150_000),
    ),
    (
        400,
        {"message": "too many tokens: total number of tokens in the prompt cannot exceed 4081 - received 5000."},
        TooLong(4081, 5000),
    ),
    (400, said("The prompt is too long: 40000, model maximum context length: 32767"), TooLong(32_767, 40_000)),
    (400, {"message": "Input is too long for requested model."}, TooLong()),
    (400, said("Please reduce the length of the messages or completion.", code="context_length_exceeded"), TooLong()),
    (
        422,
        {"error": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 8193. Given: 8000 `inputs` tokens"},
        TooLong(8193),
    ),
    # A number that can't be a context's.
    (400, said("This model's maximum context length is 0 tokens.", code="context_length_exceeded"), TooLong()),
]
OTHERS = [
    # A rate limit, a limit on the answer, one on bytes, a fault of the request, and a person's words.
    (
        413,
        said(
            "Request too large for model on tokens per minute (TPM): Limit 6000, Requested 9000, please reduce "
            "your message size.",
            code="rate_limit_exceeded",
        ),
        "rate",
    ),
    (429, said("Rate limit: reduce the length of the messages"), "rate"),
    (400, said("max_tokens: 100000 > 8192, which is the maximum allowed number of output tokens"), "invalid"),
    (413, said("Request exceeds the maximum size", type="request_too_large"), "invalid"),
    (400, said("messages: at least one message is required"), "invalid"),
    (500, said("overloaded"), "error"),
]


@pytest.mark.parametrize(("status", "body", "too_long"), REFUSALS)
def test_a_refusal_for_length_says_what_fits(status, body, too_long):
    error = provider_error("Server", status, error_of(body) or plain_error_of(body))
    assert (error.too_long, error.code, error.retryable) == (too_long, "invalid", False)


@pytest.mark.parametrize(("status", "body", "code"), OTHERS)
def test_any_other_refusal_is_none_for_length(status, body, code):
    error = provider_error("Server", status, error_of(body) or plain_error_of(body))
    assert (error.too_long, error.code) == (None, code)


def test_a_long_message_is_read_in_a_moment():
    error = provider_error("Server", 400, {"message": "prompt is " * 100_000 + "1,2,3" * 100_000})
    assert error.too_long is None
