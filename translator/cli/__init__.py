"""The command line, a module for each group of commands; `translator.cli.app` puts them together.

Commands hold arguments, printing and exit codes, nothing else. TensorFlow is imported inside the commands that need
it, so that `--help` answers at once. Results go to standard output; progress, warnings and errors to standard error.
"""

from translator.cli.app import main

__all__ = ["main"]
