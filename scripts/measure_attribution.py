"""How often each method of attribution names the cause of a word, in a toy language where the cause is planted.

    python scripts/measure_attribution.py
    python scripts/measure_attribution.py --run /tmp/toy
    python scripts/measure_attribution.py --shares runs/multi30k_en_de

A sentence of the toy language has a number of fillers, and among them, anywhere, a key, a subject and a gender. Its
translation has a free word, drawn at random; then three words with causes elsewhere; then the fillers:

    key        depends on the key alone: a cause in the source
    agreement  depends on subject and gender together: a contrast with another gender asks for the one,
               with another subject for the other
    echo       depends on the free word alone: a cause in the prefix

They stand in fixed places, so that the place alone says what kind of word is due.

A hit is a cause that has the highest score of all tokens on its side, ends of sentences included. A strict hit has the
highest of both sides. Then the share of the source (see `Attribution.source_share`) is compared between words with
their cause in the source and in the prefix: AUC, 100 % where every one of the former has more.

A model is trained for that first, which takes a minute or two of a core.

With --shares, translations of a run's test set are explained twice: beside their own sentence, and beside another one,
which they do not come from. Is the share of the source lower there?
"""

import argparse
import itertools
import os
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from translator.inspect.attribution.attributor import Attributor
    from translator.inspect.attribution.methods import Method
    from translator.training.choosing import Checkpoint

KINDS = {"subject": 5, "gender": 5, "key": 8, "filler": 16, "free": 8}  # and how many words of each there are
SPLITS = {"train": 20_000, "validation": 100, "test": 100}
METHODS: tuple["Method", ...] = ("value-zeroing", "erasure", "gradient", "integrated")


class Toy(NamedTuple):
    """A sentence and its translation."""

    source: list[str]
    target: list[str]

    def place(self, kind: str) -> int:
        """Where in the sentence the one word of a kind stands."""
        return next(i for i, word in enumerate(self.source) if word.startswith(kind))


class Cause(NamedTuple):
    """A word of a translation, and what it comes from."""

    name: str
    word: int  # which word of the translation, from 1 on
    in_source: bool
    place: int  # of the cause, among the words of its side; BOS is no word
    instead: str | None = None  # for contrasts


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, help="folder of the run, kept; a temporary one by default")
    parser.add_argument("--steps", type=int, default=800, help="of training")
    parser.add_argument("--sentences", type=int, default=SPLITS["test"], help="so many of the test set")
    parser.add_argument("--shares", type=Path, metavar="RUN", help="a run to look into in place of the toy")
    parser.add_argument("--checkpoint", choices=["best", "last"], help="with --shares, as in translate")
    given = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if given.shares:
        print_shares(given.shares, given.checkpoint, given.sentences)
        return 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.run or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        test = write_corpus(folder)[: given.sentences]
        accuracy = train_toy(folder, given.steps, test)
        print(f"{accuracy:.1%} of the words that have a cause are the most probable ones, given those before\n")
        print_table(folder, test)
    return 0


def sentence(rng: random.Random) -> Toy:
    """Draws a sentence; no filler occurs twice."""
    subject, gender, key, free = (rng.randrange(KINDS[kind]) for kind in ("subject", "gender", "key", "free"))
    fillers = rng.sample(range(KINDS["filler"]), rng.randint(3, 6))
    source = [f"filler{i}" for i in fillers]
    for word in (f"key{key}", f"subject{subject}", f"gender{gender}"):
        source.insert(rng.randint(0, len(source)), word)
    caused = f"Free{free}", f"Key{key}", f"Agree{subject}{gender}", f"Echo{free}"
    return Toy(source, [*caused, *[f"Filler{i}" for i in fillers]])


def causes(toy: Toy) -> list[Cause]:
    """The words with a known cause, and the contrasts that ask for one."""
    _, key, agreement, echo = toy.target[:4]
    stem, subject, gender = agreement[:-2], int(agreement[-2]), int(agreement[-1])
    other_gender = f"{stem}{subject}{(gender + 1) % KINDS['gender']}"
    other_subject = f"{stem}{(subject + 1) % KINDS['subject']}{gender}"
    return [
        Cause("key", 2, True, toy.place("key")),
        Cause("echo", 4, False, 0),
        Cause("key, not another key", 2, True, toy.place("key"), _another(key, KINDS["key"])),
        Cause("echo, not another echo", 4, False, 0, _another(echo, KINDS["free"])),
        Cause("agreement, not another gender", 3, True, toy.place("gender"), other_gender),
        Cause("agreement, not another subject", 3, True, toy.place("subject"), other_subject),
    ]


def _another(word: str, number: int) -> str:
    """The next word of its kind."""
    return f"{word[:-1]}{(int(word[-1]) + 1) % number}"


def write_corpus(folder: Path) -> list[Toy]:
    """Writes the corpus and a vocabulary of whole words; gives the test set."""
    import sentencepiece

    rng = random.Random(1)
    drawn: dict[str, Toy] = {}
    while len(drawn) < sum(SPLITS.values()):
        toy = sentence(rng)
        drawn[" ".join(toy.source)] = toy
    toys = iter(drawn.values())
    for split, size in SPLITS.items():
        chosen = list(itertools.islice(toys, size))
        for language, lines in (("en", [toy.source for toy in chosen]), ("de", [toy.target for toy in chosen])):
            text = "".join(f"{' '.join(words)}\n" for words in lines)
            (folder / f"{split}.{language}").write_text(text, encoding="utf-8")
    sentencepiece.SentencePieceTrainer.train(
        input=[str(folder / "train.en"), str(folder / "train.de")],
        model_prefix=str(folder / "words"),
        model_type="word",
        vocab_size=1_000,
        hard_vocab_limit=False,
        pad_id=3,
        minloglevel=2,
    )
    return chosen


def train_toy(folder: Path, steps: int, test: Sequence[Toy]) -> float:
    """Trains the model; gives the share of the words with a cause that it writes, given what stands before them."""
    from translator import Translator, train
    from translator.config.schema import Config

    sides = {split: f"{split}.{{lang}}" for split in ("train", "validation")}
    config = Config.model_validate(
        {
            "data": {"root": str(folder), **sides, "max_tokens": 20},
            "tokenizer": {"model": str(folder / "words.model")},
            "model": {"d_model": 64, "d_ff": 128, "num_heads": 4, "encoder_layers": 2, "decoder_layers": 2},
            "train": {
                "max_steps": steps,
                "batch_tokens": 2_000,
                "learning_rate": 0.003,
                "warmup_steps": 200,
                "validate_every_steps": steps,
                "save_every_steps": steps,
            },
        }
    )
    train(config, folder / "run")
    sources, targets = ([" ".join(words) for words in side] for side in zip(*test, strict=True))
    scored = Translator.load(folder / "run").score(sources, targets)
    return float(np.mean([np.array(each.token_log_probs[1:4]) > np.log(0.5) for each in scored]))


def print_table(folder: Path, test: Sequence[Toy]) -> None:
    """Prints hits and strict hits of each method for each kind of cause, and the AUC of the source's share."""
    from translator.inspect.attribution.attributor import Attributor

    attributor = Attributor.load(folder / "run")
    print("| method | " + " | ".join(cause.name for cause in causes(test[0])) + " | share of the source, AUC |")
    print("|---|" + "---|" * (len(causes(test[0])) + 1))
    for method in METHODS:
        found = [[measured(attributor, toy, cause, method) for cause in causes(toy)] for toy in test]
        hits = np.array([[each[:2] for each in row] for row in found], float).mean(0)
        shares = np.array([[each[2] for each in row[:2]] for row in found])
        columns = [f"{hit:.1%} ({strict:.1%})" for hit, strict in hits]
        print(f"| {method} | " + " | ".join(columns) + f" | {auc(shares[:, 0], shares[:, 1]):.1%} |", flush=True)


def measured(attributor: "Attributor", toy: Toy, cause: Cause, method: "Method") -> tuple[bool, bool, float]:
    """Whether a cause is a hit, and a strict hit; and the source's share."""
    from translator.inspect.attribution.attributor import AttributionOptions, Contrast

    # The words after the one that is explained are nobody's cause: without them its row is the last but one.
    source, target = " ".join(toy.source), " ".join(toy.target[: cause.word])
    contrast = None if cause.instead is None else Contrast(cause.instead, cause.word)
    found = attributor.attribute(source, target, AttributionOptions(method, contrast, tokenized=True))
    row = 0 if contrast else cause.word - 1
    source_scores, prefix_scores = found.source_scores[row], found.prefix_scores[row]
    own = source_scores if cause.in_source else prefix_scores[: cause.word]
    place = cause.place if cause.in_source else cause.place + 1
    is_hit = int(own.argmax()) == place
    is_strict = is_hit and own[place] >= max(source_scores.max(), prefix_scores[: cause.word].max())
    return is_hit, bool(is_strict), float(found.source_share[row])


def print_shares(run: Path, checkpoint: "Checkpoint | None", sentences: int) -> None:
    """Prints the mean share of the source in true pairs and in pairs that do not belong together, by method."""
    from translator.data.corpora.formats import read_all
    from translator.inspect.attribution.attributor import AttributionOptions, Attributor
    from translator.run_folder import RunFolder

    data = RunFolder(run).load_config().data
    pairs = [pair for pair in read_all(data.test or (), data) if pair.source and pair.target]
    pairs = random.Random(1).sample(pairs, min(sentences, len(pairs)))
    others = [*pairs[1:], pairs[0]]
    attributor = Attributor.load(run, checkpoint)
    print("| method | with its own sentence | with another one | AUC | the same translation has more with its own |")
    print("|---|---|---|---|---|")
    for method in METHODS:
        options = AttributionOptions(method, words=False)
        own, other = (
            np.array(
                [
                    attributor.attribute(source.source, pair.target, options).source_share[:-1].mean()
                    for source, pair in zip(sources, pairs, strict=True)
                ]
            )
            for sources in (pairs, others)
        )
        figures = own.mean(), other.mean(), auc(own, other), (own > other).mean()
        print(f"| {method} | " + " | ".join(f"{each:.1%}" for each in figures) + " |", flush=True)


def auc(higher: np.ndarray, lower: np.ndarray) -> float:
    """How often one of the former is above one of the latter."""
    return float((higher[:, None] > lower[None]).mean())


if __name__ == "__main__":
    raise SystemExit(main())
