"""The command line: `translator train`, `prepare`, `eval`, `translate`, `export`, `config`.

Commands hold arguments, printing and exit codes, nothing else. TensorFlow is imported inside the commands that need
it, so that `--help` answers at once. Results go to standard output; progress, warnings and errors to standard error.
"""

from translator.cli.app import main

__all__ = ["main"]
