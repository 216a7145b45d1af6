"""Converted models that a run keeps for itself, in `engines/` of its folder: made when first asked for.

One is used only if this machine has made it, here, of the weights and settings that the run has now, and its files are
those that were checked then. Else it is made anew: what lies in a folder that came from elsewhere is not trusted.
"""

import contextlib
import hashlib
import json
import logging
import math
import platform
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from translator.config.schema import Config
from translator.data.corpora.base import SentencePair
from translator.data.tokenizer import Tokenizer
from translator.decoding.engines.ctranslate2 import (
    CTranslate2Engine,
    CTranslate2Error,
    import_ctranslate2,
    require_options,
)
from translator.decoding.options import Engine, OptionsError, SearchOptions
from translator.export import ctranslate2
from translator.export.comparisons import ExportError
from translator.export.gate import CHECKED_SENTENCES, check, environment, new_folder, quiet, validation_pairs
from translator.files import read_file, sha256, write_file
from translator.lock import LockedError, locked
from translator.run_folder import RunFolder

if TYPE_CHECKING:
    from translator.decoding.translator import Translator

log = logging.getLogger(__name__)

QUANTIZATION = "float32"  # unless another one is asked for: the text must be the run's
RECORD = "record.json"
MACHINE_IDS = (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id"))
TIMED_SENTENCES, TIMED_TURNS = 64, 3
LOCK_SECONDS = 1800.0  # that another process may take to convert the same run


@dataclass(frozen=True)
class Source:
    """What an engine is made of.

    Attributes:
        load: reads the weights; a translator with the engine `transformer`.
        asked_quantization: how the weights of a converted model are stored; None if nothing was said of it.
    """

    run: RunFolder
    config: Config
    weights: Path
    tokenizers: tuple[Tokenizer, Tokenizer]
    options: SearchOptions
    load: "Callable[[], Translator]"
    asked_quantization: str | None = None

    @property
    def quantization(self) -> str:
        """How the weights of a converted model are stored."""
        return self.asked_quantization or QUANTIZATION

    @cached_property
    def made_of(self) -> dict[str, Any]:
        """All that decides what the converted model is."""
        return {
            "weights": sha256(self.weights),
            "tokenizers": [hashlib.sha256(each.model).hexdigest() for each in self.tokenizers],
            "model": self.config.model.model_dump(mode="json"),
            "max_tokens": self.config.data.max_tokens,
            "quantization": self.quantization,
        }

    @property
    def folder(self) -> Path:
        """Where the converted model is, if it is there: named by what it is made of."""
        digest = hashlib.sha256(json.dumps(self.made_of, sort_keys=True).encode()).hexdigest()
        return self.run.engines / f"ctranslate2-{self.quantization}-{digest[:12]}"


def transformer(source: Source) -> Engine:
    """The run's weights in this package's own model.

    Raises:
        OptionsError: a quantization is asked for.
    """
    _require_no_quantization(source, "transformer")
    return source.load().engine


def converted(source: Source) -> CTranslate2Engine:
    """CTranslate2, with a model that is converted if need be.

    Raises:
        CTranslate2Error: it is not installed.
        ExportError: the run cannot have it, or it did not pass the gate.
        OptionsError: it has no search with these options, or no such quantization.
    """
    if source.quantization not in ctranslate2.QUANTIZATIONS:
        raise OptionsError(
            f"the engine ctranslate2 has no quantization {source.quantization!r:.60}; "
            f"it has {', '.join(ctranslate2.QUANTIZATIONS)}"
        )
    require_options(source.options)
    import_ctranslate2()
    if reason := ctranslate2.refusal(source.config.model):
        raise ExportError(f"{source.run.path} cannot have the engine ctranslate2: {reason}")
    if not _is_own(source):
        with _locked(source.run.engines):
            if not _is_own(source):  # another process may have made it meanwhile
                _convert(source)
    return CTranslate2Engine.of(source.folder, *source.tokenizers)


def faster(source: Source) -> Engine:
    """The faster, when both were timed on this machine, of the engines that give the run's text.

    Raises:
        OptionsError: a quantization is asked for.
    """
    _require_no_quantization(source, "auto")
    refused = source.folder.with_name(f"{source.folder.name}.refused.json")
    if _read(refused) == _refused(source):
        return transformer(source)
    try:
        engine = converted(source)
    except (CTranslate2Error, OptionsError, LockedError) as error:
        log.info("--engine auto: transformer, because %s", error)
        return transformer(source)
    except ExportError as error:
        log.warning("--engine auto: transformer, because %s", error)
        with contextlib.suppress(OSError):
            write_file(refused, json.dumps(_refused(source)).encode())
        return transformer(source)
    seconds = _record(source.folder)["seconds"]
    name = min(seconds, key=seconds.__getitem__)
    log.info("--engine auto: %s", name)
    return engine if name == "ctranslate2" else transformer(source)


# By the name that `--engine` and `Translator.load` take.
ENGINES: Mapping[str, Callable[[Source], Engine]] = MappingProxyType(
    {"transformer": transformer, "ctranslate2": converted, "auto": faster}
)


def _require_no_quantization(source: Source, engine: str) -> None:
    if source.asked_quantization is not None:
        raise OptionsError(
            f"the engine {engine} has no quantization; leave {source.quantization!r:.60} out, "
            "or name the engine ctranslate2"
        )


def _convert(source: Source) -> None:
    """Makes the converted model, compares it with the run, times both, and deletes those of other weights."""
    log.info("%s: converting the model for CTranslate2, which is done once", source.run.path)
    source.run.require_own_files()
    shutil.rmtree(source.folder, ignore_errors=True)
    with quiet(), new_folder(source.folder) as partial:
        data = source.config.data
        pair = data.pair_of(data.validation[0])
        translator, checked_on = source.load().into(pair.target), validation_pairs(data, pair, CHECKED_SENTENCES)
        ctranslate2.write(translator, partial, source.quantization)
        searched = ctranslate2.checked_search(source.options)
        check(partial, "ctranslate2", source.quantization, translator, pair, checked_on, searched)
        engine = CTranslate2Engine.of(partial, *source.tokenizers)
        record = {
            "made_of": source.made_of,
            "machine": _machine(source.folder),
            "files": _checksums(partial),
            "seconds": _seconds(translator, engine, source, checked_on[:TIMED_SENTENCES]),
        }
        write_file(partial / RECORD, f"{json.dumps(record, indent=1)}\n".encode())
    for other in source.run.engines.glob(f"ctranslate2-{source.quantization}-*"):
        if other.is_dir() and other != source.folder:
            shutil.rmtree(other, ignore_errors=True)


def _seconds(
    translator: "Translator", engine: CTranslate2Engine, source: Source, pairs: Sequence[SentencePair]
) -> dict[str, float]:
    """How long both take for the sources of some pairs: in turns, the shortest of a few times after a first one.

    Other work on the machine makes times longer, never shorter, and in turns it meets both.
    """
    texts = [pair.source for pair in pairs] or ["one two three"]
    ids = [each[: translator.max_source_tokens] for each in translator.source.encode(texts) if each]
    engines: dict[str, Engine] = {"transformer": translator.engine, "ctranslate2": engine}
    for each in engines.values():
        each.search(ids, source.options)
    seconds = dict.fromkeys(engines, math.inf)
    for _ in range(TIMED_TURNS):
        for name, each in engines.items():
            began = time.monotonic()
            each.search(ids, source.options)
            seconds[name] = min(seconds[name], time.monotonic() - began)
    return seconds


def _is_own(source: Source) -> bool:
    """Whether the converted model is there, was made here of what the run is made of, and is unchanged."""
    record = _record(source.folder)
    try:
        return (
            record.get("made_of") == source.made_of
            and record.get("machine") == _machine(source.folder)
            and set(record["seconds"]) == {"transformer", "ctranslate2"}
            and record["files"] == _checksums(source.folder)
        )
    except (OSError, KeyError, TypeError):
        return False


def _refused(source: Source) -> dict[str, Any]:
    return {"made_of": source.made_of, "machine": _machine(source.folder)}


def _record(folder: Path) -> dict[str, Any]:
    return _read(folder / RECORD)


def _read(path: Path) -> dict[str, Any]:
    """An object of a JSON file; an empty one if there is none."""
    try:
        found = json.loads(read_file(path))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _checksums(folder: Path) -> dict[str, str]:
    return {path.name: sha256(path) for path in sorted(folder.iterdir()) if path.name != RECORD}


def _machine(folder: Path) -> str:
    """A digest of this machine, its processor, the versions, and the folder: others do not know it."""
    identity = next((read_file(path).hex() for path in MACHINE_IDS if path.is_file()), "")
    known = environment()
    processor = {key: known["processor"][key] for key in ("model", "flags")}
    parts = [identity, platform.node(), processor, known["versions"], str(folder.resolve())]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Locks the folder of engines, after whoever converts there at the moment.

    Raises:
        LockedError: that took too long.
        ExportError: the folder cannot be written.
    """
    with contextlib.ExitStack() as stack:
        try:
            folder.mkdir(exist_ok=True)
            stack.enter_context(locked(folder, wait_seconds=LOCK_SECONDS))
        except OSError as error:
            raise ExportError(f"{folder} cannot be written: {error.strerror}") from error
        yield
