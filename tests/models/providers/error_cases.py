"""Error replies of the known servers, verbatim, and how each must be interpreted. Pure."""

from dataclasses import dataclass, field
from typing import Any

LONG_SECRET = "sk-ant-api03-0123456789abcdef0123456789abcdef"


@dataclass(frozen=True)
class Case:
    """`status` 200 is an error within the stream, after the text `told `. `says` must be in the sentence."""

    dialect: str
    status: int
    error: Any
    code: str
    retryable: bool = False
    retry_after: float | None = None
    says: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.dialect} {self.status} {str(self.error)[:60]}"


def again(dialect: str, status: int, error: Any, code: str = "error", **how: Any) -> Case:
    return Case(dialect, status, error, code, True, **how)


def anthropic(kind: str, message: str = "It is so.", **more: Any) -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": message, **more}, "request_id": "req_1"}


def openrouter(code: int | str, message: str = "It is so.", **more: Any) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, **more}}


def openai(kind: str, code: str | None = None, message: str = "It is so.") -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def of_type(error_type: str, **more: Any) -> dict[str, Any]:
    return {"metadata": {"error_type": error_type, **more}}


SPENT = {"details": {"error_code": "enforced_spend_limit_reached"}}
OPENROUTER = [
    Case("openrouter", 400, openrouter(400, "No models provided"), "invalid", says="No models provided"),
    Case("openrouter", 400, openrouter(400, **of_type("context_length_exceeded")), "invalid"),
    Case("openrouter", 401, openrouter(401, "User not found."), "auth", says="rejected the key that ends in cdef"),
    Case("openrouter", 402, openrouter(402, "Insufficient credits"), "credit", says="no credit"),
    Case("openrouter", 403, openrouter(403, **of_type("permission_denied")), "auth"),
    Case("openrouter", 403, openrouter(403, metadata={"reasons": ["violence"], "flagged_input": "secret words"}), "invalid"),
    Case("openrouter", 403, openrouter(403, metadata={"patterns": ["iban"]}), "invalid"),
    Case("openrouter", 404, openrouter(404, "No endpoints found for a/b."), "invalid", says="No endpoints"),
    again("openrouter", 408, openrouter(408)),
    Case("openrouter", 413, openrouter(413, **of_type("payload_too_large")), "invalid"),
    Case("openrouter", 422, openrouter(422, **of_type("unprocessable")), "invalid"),
    again("openrouter", 429, openrouter(429), "rate", retry_after=5, headers={"Retry-After": "5"}),
    again("openrouter", 429, openrouter(429, **of_type("rate_limit_exceeded")), "rate"),
    again("openrouter", 500, openrouter(500, "Internal Server Error")),
    again("openrouter", 502, openrouter(502, **of_type("provider_unavailable"))),
    again("openrouter", 503, openrouter(503, availability={"code": "x", "retryable": True, "retry_after": 12}), retry_after=12),
    again("openrouter", 524, "<html><title>524: A timeout occurred</title></html>"),
    again("openrouter", 529, openrouter(529, **of_type("provider_overloaded"))),
    again("openrouter", 502, openrouter(502, "Provider returned error", metadata={"raw": "It is full."}), says="It is full."),
    again(
        *("openrouter", 429, openrouter(429, "Provider returned error", metadata={"raw": '{"error":{"message":"Busy."}}'})),
        *("rate",),
        says="Provider returned error: Busy.",
    ),
    again("openrouter", 200, openrouter(502, **of_type("provider_unavailable"))),
    again("openrouter", 200, openrouter("server_error")),
    again("openrouter", 200, openrouter(429, **of_type("rate_limit_exceeded")), "rate"),
    Case("openrouter", 200, openrouter("x", **of_type("payment_required")), "credit"),
    Case("openrouter", 200, openrouter("x", **of_type("content_policy_violation")), "invalid"),
    Case("openrouter", 200, openrouter("x", **of_type("image_too_large")), "invalid"),
    Case("openrouter", 200, openrouter("x", **of_type("not_found")), "invalid"),
    again("openrouter", 200, openrouter("x", **of_type("timeout"))),
    again("openrouter", 200, openrouter("x", **of_type("unmapped"))),
    again("openrouter", 200, {"error": {"message": "It is so."}}),
]
OPENAI = [
    Case("openai", 401, openai("invalid_request_error", "invalid_api_key", f"Incorrect API key: {LONG_SECRET}"), "auth"),
    Case("openai", 400, openai("invalid_request_error", "context_length_exceeded"), "invalid"),
    Case("openai", 404, openai("invalid_request_error", "model_not_found"), "invalid"),
    again("openai", 429, openai("requests", "rate_limit_exceeded"), "rate", retry_after=0.25, headers={"retry-after-ms": "250"}),
    again("openai", 429, openai("slow_down", "slow_down"), "rate"),
    Case(
        "openai", 429, openai("insufficient_quota", "insufficient_quota"), "credit", headers={"Retry-After": "1"}, retry_after=1
    ),
    Case("openai", 429, openai("billing", "credit_balance_exhausted"), "credit"),
    Case("openai", 429, openai("billing", "project_spend_limit_exceeded"), "credit"),
    again("openai", 500, openai("server_error")),
    Case("openai", 500, openai("server_error"), "error", headers={"x-should-retry": "false"}),
    again("openai", 503, openai("service_unavailable_error")),
    again("openai", 200, openai("server_error")),
    Case("openai", 200, openai("invalid_request_error"), "invalid"),
]
ANTHROPIC = [
    Case("anthropic", 400, anthropic("invalid_request_error"), "invalid", says="It is so."),
    Case("anthropic", 400, anthropic("invalid_request_error", "Your credit balance is too low to go on."), "credit"),
    Case("anthropic", 401, anthropic("authentication_error", "invalid x-api-key"), "auth"),
    Case("anthropic", 402, anthropic("billing_error"), "credit"),
    Case("anthropic", 403, anthropic("permission_error"), "auth"),
    Case("anthropic", 404, anthropic("not_found_error"), "invalid"),
    Case("anthropic", 413, "<html><body>Request Entity Too Large</body></html>", "invalid"),
    again("anthropic", 429, anthropic("rate_limit_error"), "rate", retry_after=7, headers={"retry-after": "7"}),
    Case("anthropic", 429, anthropic("rate_limit_error", **SPENT), "credit"),
    again("anthropic", 500, anthropic("api_error")),
    again("anthropic", 504, anthropic("timeout_error")),
    again("anthropic", 529, anthropic("overloaded_error", "Overloaded"), says="Overloaded"),
    again("anthropic", 200, anthropic("overloaded_error", "Overloaded"), says="Overloaded"),
    again("anthropic", 200, anthropic("rate_limit_error"), "rate"),
    again("anthropic", 200, anthropic("api_error")),
    Case("anthropic", 200, anthropic("invalid_request_error"), "invalid"),
    Case("anthropic", 200, anthropic("authentication_error"), "auth"),
    Case("anthropic", 200, anthropic("billing_error"), "credit"),
]
LOCAL = [
    Case("ollama", 400, openai("invalid_request_error"), "invalid"),
    Case("ollama", 404, openai("not_found_error", None, 'model "x" not found, try pulling it first'), "invalid", says="pulling"),
    again("ollama", 500, openai("api_error")),
    again("ollama", 503, openai("api_error", None, "server busy, please try again.  maximum pending requests exceeded")),
    again("llama.cpp", 503, {"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}, says="Loading"),
    Case("llama.cpp", 400, {"error": {"code": 400, "message": "Too long", "type": "exceed_context_size_error"}}, "invalid"),
    Case("llama.cpp", 501, {"error": {"code": 501, "message": "No such thing", "type": "not_supported_error"}}, "error"),
    Case("llama.cpp", 401, {"error": {"code": 401, "message": "Invalid API Key", "type": "authentication_error"}}, "auth"),
    again("llama.cpp", 200, {"error": {"code": 500, "message": "It is so.", "type": "server_error"}}),
    Case(
        "vllm",
        400,
        {"object": "error", "message": "Too long.", "type": "BadRequestError", "code": 400},
        "invalid",
        says="Too long",
    ),
    Case("vllm", 404, {"error": {"message": "No such model.", "type": "NotFoundError", "code": 404}}, "invalid"),
    again("vllm", 200, {"error": {"message": "It is so.", "type": "InternalServerError", "param": None, "code": 500}}),
    Case("vllm", 200, {"error": {"message": "It is so.", "type": "BadRequestError", "param": None, "code": 400}}, "invalid"),
    Case("vllm", 422, {"detail": [{"loc": ["body", "n"], "msg": "too much"}]}, "invalid", says="body.n: too much"),
    Case("vllm", 404, {"detail": "Not Found"}, "invalid", says="Not Found"),
]
CASES = [*OPENROUTER, *OPENAI, *ANTHROPIC, *LOCAL]
