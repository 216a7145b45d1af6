"""The one root of every error that a user can cause and mend."""


class TranslatorError(Exception):
    """A problem in what the user gave: its text is one line that says what, where and what to do.

    The command line prints that line and exits with `exit_code`; from Python it is an exception like any other.
    """

    exit_code = 2
