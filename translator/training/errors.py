"""What ends training early."""

from translator.errors import TRY_AGAIN, TranslatorError


class TrainingError(TranslatorError):
    """Training that cannot go on."""


class Interrupted(TranslatorError):  # noqa: N818 - it is not an error
    """Training was asked to stop (Ctrl-C, SIGTERM), saved all that there was room for, and can go on."""

    exit_code = TRY_AGAIN


class Paused(Interrupted):
    """Training has come to the step that it was to stop after, and can go on."""

    exit_code = 0
