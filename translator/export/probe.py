"""The fresh process of the parity gate: a `Request` in, an `Answer` out, as JSON on its standard streams."""

import dataclasses
import json
import sys
import tempfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import cast

from translator.data.tokenizer import Tokenizer
from translator.decoding.engines.assembly import NEVER_WRITTEN
from translator.decoding.engines.ctranslate2 import CTranslate2Engine
from translator.decoding.engines.saved_model import SavedModelEngine, open_graph
from translator.decoding.engines.transformer import TransformerEngine
from translator.decoding.options import SearchOptions
from translator.decoding.translator import Translator
from translator.export.argos import ENDING
from translator.export.comparisons import Answer, Request, log_probs
from translator.export.huggingface import import_tokenizers, read_back
from translator.model.transformer import Transformer
from translator.model.weights import set_weights


def _ctranslate2(request: Request) -> Answer:
    """Translates with the vocabularies that the export holds, and scores the pairs."""
    folder = Path(request.folder)
    source, target = (Tokenizer.load(folder / f"{side}.spm") for side in ("source", "target"))
    source = Tokenizer(source.model, tuple(request.prefix))
    return _by_ctranslate2(request, CTranslate2Engine.of(folder, source, target), source, target)


def _argos(request: Request) -> Answer:
    """The same with what an Argos Translate package holds, which is unpacked for that; its model adds the prefix."""
    (package,) = Path(request.folder).glob(f"*{ENDING}")
    with tempfile.TemporaryDirectory() as unpacked:
        with zipfile.ZipFile(package) as archive:
            archive.extractall(unpacked)
        (folder,) = Path(unpacked).iterdir()
        tokenizer = Tokenizer.load(folder / "sentencepiece.model")
        engine = CTranslate2Engine.of(folder / "model", tokenizer, tokenizer)
        return _by_ctranslate2(request, engine, tokenizer, tokenizer)


def _by_ctranslate2(request: Request, engine: CTranslate2Engine, source: Tokenizer, target: Tokenizer) -> Answer:
    added = len(request.prefix) - len(source.prefix)  # ids of a source that the model itself adds, unseen here
    options = SearchOptions(**request.options)
    margin = options.max_target_tokens(added)
    sizes = request.max_source_tokens - added, request.batch_sentences
    translator = Translator(
        (source, target), engine, dataclasses.replace(options, max_length_margin=margin), *sizes, request.joiner
    )
    texts = translator.translate_text(request.sentences, None)
    sources, targets = [ids[added:] for ids, _ in request.pairs], [ids for _, ids in request.pairs]
    log_probs = engine.log_probs(sources, targets) if request.pairs else []
    scored = [(*pair, True, log_prob) for pair, log_prob in zip(request.pairs, log_probs, strict=True)]
    return Answer(texts, scored, [], engine.compute_type)


def _saved_model(request: Request) -> Answer:
    """Translates by the graph from text to text; its search scores the translations that it finds itself."""
    import tensorflow as tf

    module = open_graph(Path(request.folder))  # must live as long as its functions: they hold its variables weakly
    texts = [text.decode("utf-8") for text in module.translate(tf.constant(request.sentences)).numpy()]
    engine = SavedModelEngine(module)
    scored = []
    for start in range(0, len(request.pairs), request.batch_sentences):
        sources = [source for source, _ in request.pairs[start : start + request.batch_sentences]]
        for source, (best, *_) in zip(sources, engine.search(sources, engine.options), strict=True):
            scored.append((source, list(best.ids), best.ended, best.log_prob))
    return Answer(texts, scored, list(NEVER_WRITTEN), "float32")


class _Tokenizer:
    """`tokenizer.json`, as the library that it is for reads it, with what a `Translator` asks of a tokenizer."""

    def __init__(self, path: Path, prefix: tuple[int, ...]) -> None:
        self._library = import_tokenizers().Tokenizer.from_file(str(path))
        self._library.encode_special_tokens = True  # as `split_special_tokens` of tokenizer_config.json has it
        self.vocabulary_size: int = self._library.get_vocab_size()
        self.prefix = prefix

    def encode(self, sentences: Sequence[str]) -> list[list[int]]:
        found = [each.ids[:-1] for each in self._library.encode_batch(list(sentences))]  # EOS is the engine's here
        return [ids if len(ids) > len(self.prefix) else [] for ids in found]

    def decode(self, ids: Sequence[Sequence[int]], _: Sequence[Sequence[str]] = ()) -> list[str]:
        return [text.strip(" ") for text in self._library.decode_batch([list(map(int, row)) for row in ids])]

    def pieces(self, ids: Sequence[int], _: Sequence[str] = ()) -> list[str]:
        return [self._library.id_to_token(int(number)) for number in ids]


def _huggingface(request: Request) -> Answer:
    """Translates with the library's tokenizer and the stored weights, read back into this package's own model."""
    folder = Path(request.folder)
    config, vocabulary, weights = read_back(folder)
    model = Transformer(config, vocabulary, vocabulary, 1)
    set_weights(model.named_weights(), weights, folder)
    tokenizer, engine = (
        cast(Tokenizer, _Tokenizer(folder / "tokenizer.json", tuple(request.prefix))),
        TransformerEngine(model),
    )
    sizes = request.max_source_tokens, request.batch_sentences
    translator = Translator((tokenizer, tokenizer), engine, SearchOptions(**request.options), *sizes, request.joiner)
    texts = translator.translate_text(request.sentences, None)
    found = log_probs(engine, [(*pair, True) for pair in request.pairs])
    scored = [(*pair, True, float(each)) for pair, each in zip(request.pairs, found, strict=True)]
    return Answer(texts, scored, [], "float32, read back into this package's model")


# By the name of the format.
PROBES: Mapping[str, Callable[[Request], Answer]] = MappingProxyType(
    {"argos": _argos, "ctranslate2": _ctranslate2, "huggingface": _huggingface, "saved_model": _saved_model}
)


def main() -> None:
    """Answers one request."""
    request = Request(**json.load(sys.stdin))
    json.dump(dataclasses.asdict(PROBES[request.format](request)), sys.stdout)
