"""What goes wrong with a request: a status and a line, which the client gets as `{"error": …}`."""

from translator.errors import TranslatorError


class ServerError(TranslatorError):
    """The server cannot start, or cannot go on."""


class StoppedError(ServerError):
    """The server is stopped before it is open. Threads may be at work in TensorFlow, which would end in an abort."""

    exit_code = 0
    exits_at_once = True


class RequestError(TranslatorError):
    """A request that is not answered as it was meant."""

    def __init__(self, status: int, problem: str, retry_after: int | None = None) -> None:
        """Takes what the client is told.

        Args:
            status: of HTTP.
            problem: what was expected, what was found, what to do; nothing of a text that is to be translated.
            retry_after: seconds after which to ask again, if that helps.
        """
        super().__init__(problem)
        self.status, self.retry_after = status, retry_after
