"""The three kinds of failure, and the tree of refusals.

An *outcome* (a declined payment) is a result value, never an exception. A *refusal* says that something asked for is
not possible and how to make it possible; it is never retried. A *fault* (a vendor or the database is away) is any other
exception; it is retried.

    Refusal
    ├── InvalidValue          a field has a value that cannot be used            -> HTTP 422
    ├── NotFound              nothing is known under this identity               -> HTTP 404
    ├── Conflict              it collides with what is already there             -> HTTP 409
    ├── UnableTo...           a command cannot be carried out in this state      -> HTTP 409
    └── TooManyTries          somebody tried too often; later it works again     -> HTTP 429
"""


class Refusal(Exception):
    """A request that cannot be met as it stands: names the field, the value and the way out.

    ``field`` is the request's field in dotted form (empty when the whole request is meant), ``value`` its value as
    text, ``remedy`` one sentence that says what to do instead.
    """

    def __init__(self, message: str, *, field: str = "", value: object = "", remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.value = str(value)
        self.remedy = remedy

    def __str__(self) -> str:
        parts = [self.message]
        if self.field:
            parts.append(f"(field {self.field!r}, value {self.value!r})")
        if self.remedy:
            parts.append(self.remedy)
        return " ".join(parts)


class InvalidValue(Refusal):
    """A field carries a value that cannot be used."""


class NotFound(Refusal):
    """Nothing is known under this identity."""


class Conflict(Refusal):
    """The request collides with what is already there."""


class UnableTo(Refusal):
    """A command cannot be carried out in the present state."""


class TooManyTries(Refusal):
    """Somebody tried too often within a window; nothing was looked at, and later it works again."""
