"""How a provider says that it could not go on, and what a mistake of our own raises. Pure."""

# What a mistake in code raises that only computes, and nothing that tells of the world around it.
MISTAKES = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    MemoryError,
    NameError,
    RuntimeError,
    TypeError,
    ValueError,
)


class ProviderError(Exception):
    """The provider could not go on; the fields are the policy.

    Codes: `auth`, `credit`, `rate`, `invalid` (never the fault of the text so far), `cut` (the connection or the reply
    broke off), `stall`, `error` (anything else a server said). The message is a sentence for the person, without secrets.
    """

    def __init__(self, code: str, message: str, *, retryable: bool = False, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.retryable, self.retry_after = code, message, retryable, retry_after
