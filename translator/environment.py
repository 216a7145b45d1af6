"""What a run was started with: command, versions, processor and GPUs, one entry for each start."""

import importlib.metadata
import json
import logging
import os
import platform
import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import translator
from translator.files import read_file, room_for, write_file
from translator.runtime import cores

log = logging.getLogger(__name__)

GIT_SECONDS = 10.0
CPU_INFO = Path("/proc/cpuinfo")
# The instruction sets by which the kernels of TensorFlow, oneDNN and BLAS are chosen, and so the last bits of a result.
FLAGS_THAT_MATTER = re.compile(r"sse4_2|avx\w*|fma|f16c|amx\w*|asimd\w*|sve\w*|bf16|i8mm|fphp")


def record_start(path: Path, gpus: Sequence[str] | None) -> None:
    """Appends an entry for this start to a JSON list.

    A list that cannot be read is set aside with a warning; a new one begins.

    Args:
        path: the file; it is written whole or not at all.
        gpus: names of the GPUs that this process sees; None where it has not looked for any.

    Raises:
        NoRoomError: there is no space for it.
    """
    entries: list[Any] = []
    if path.exists():
        try:
            entries = json.loads(read_file(path))
            if not isinstance(entries, list):
                raise ValueError("not a list")
        except (OSError, ValueError, RecursionError) as error:
            aside = path.with_name(f"{path.name}.damaged")
            log.warning("%s cannot be read (%s); it is now %s", path, " ".join(str(error).split()), aside.name)
            path.replace(aside)
            entries = []
    entries.append(environment(gpus))
    with room_for("the environment of this start", path):
        write_file(path, f"{json.dumps(entries, indent=1)}\n".encode())


def environment(gpus: Sequence[str] | None) -> dict[str, Any]:
    """This start's entry; `gpus` as for `record_start`."""
    return {
        "started": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "command": command_line(),
        "folder": os.getcwd(),  # noqa: PTH109 - as text
        "host": socket.gethostname(),
        "translator": translator.__version__,
        "commit": commit(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": platform.platform(),
        "processor": processor(),
        "gpus": None if gpus is None else list(gpus),
        "packages": packages(),
    }


def command_line() -> str:
    """The command that started this process, as a shell would take it."""
    return shlex.join(sys.orig_argv)


def commit() -> str | None:
    """The git commit of the checkout that this package lies in, `-dirty` if files differ; None outside of one."""
    root = Path(translator.__file__).parents[1]
    if not (root / ".git").exists():
        return None
    # No tag: the hash alone.
    command = ["git", "-C", str(root), "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=GIT_SECONDS)
    except (OSError, subprocess.SubprocessError):  # no git, or a checkout that it does not read
        return None
    return done.stdout.strip() or None


def processor() -> dict[str, Any]:
    """The processor's model, its logical cores, those that this process may use, and its flags that matter."""
    fields = {}
    if CPU_INFO.is_file():
        lines = CPU_INFO.read_text(encoding="utf-8", errors="replace").splitlines()
        pairs = [(key.strip(), value.strip()) for key, _, value in (line.partition(":") for line in lines)]
        fields = dict(reversed(pairs))  # the first of each: those of the first core
    flags = fields.get("flags") or fields.get("Features") or ""
    return {
        "model": fields.get("model name") or platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "usable_cores": cores(),
        "flags": sorted({flag for flag in flags.split() if FLAGS_THAT_MATTER.fullmatch(flag)}),
    }


def packages() -> dict[str, str]:
    """The version of every distribution that is installed, by its name."""
    found = {found.metadata["Name"]: found.version for found in importlib.metadata.distributions()}
    return {name: found[name] for name in sorted(filter(None, found), key=str.lower)}
