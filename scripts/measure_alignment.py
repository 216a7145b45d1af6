"""The alignment error rate of what a run's model looks at, beside that of eflomal.

    python scripts/measure_alignment.py runs/quickstart
    python scripts/measure_alignment.py runs/quickstart --reverse runs/quickstart_reverse --eflomal /tmp/eflomal

The runs are trained on the built-in corpus, English to German the first and German to English the second. AER (Och and
Ney, 2003) is measured with the alignment that the corpus has by construction. All choices (method, layer, head, where,
how links are joined) are made on pairs of the validation split; the test split is measured with each, and the chosen
one is marked. A reverse run gives the second column of each row, and the rows of both together.

eflomal (Östling and Tiedemann, 2016) is free software under the GPL, so it is not installed with this package: give it
an environment of its own with `python -m venv /tmp/eflomal` and `/tmp/eflomal/bin/pip install eflomal`. It aligns the
same pairs after the training text that the runs had, with its default settings.
"""

import argparse
import itertools
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from translator import grammar
from translator.data.alignment import Links
from translator.data.words import words_of
from translator.evaluation.alignment_error import AlignmentScore, alignment_score
from translator.grammar import AlignedPair
from translator.inspect.links import SYMMETRIZATIONS, reversed_links
from translator.progress import show_nothing
from translator.runtime import start_tensorflow

if TYPE_CHECKING:
    from translator.inspect.alignment import Aligner
    from translator.inspect.word_weights import Direction

Gold = Sequence[AlignedPair]
PARTS = ("validation", "test")


class Row(NamedTuple):
    """A way to align, with its AER on both splits in percent."""

    group: str
    name: str
    validation: AlignmentScore
    test: AlignmentScore


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="a run folder")
    parser.add_argument("--reverse", type=Path, help="a run in the opposite direction")
    parser.add_argument("--eflomal", type=Path, help="an environment that has eflomal")
    parser.add_argument("--training-pairs", type=int, default=40_000, help="that eflomal reads")
    parser.add_argument("--pairs", type=int, nargs=2, default=[500, 1000], metavar=PARTS, help="of each split")
    arguments = parser.parse_args()
    start_tensorflow()
    from translator.inspect.alignment import Aligner
    from translator.inspect.readings import METHODS

    golds = [
        list(itertools.islice(grammar.aligned_pairs(part), n)) for part, n in zip(PARTS, arguments.pairs, strict=True)
    ]
    aligner = Aligner.load(arguments.run, arguments.reverse)
    rows = [row for method in METHODS for row in of_method(aligner, golds, method)]
    if arguments.eflomal:
        rows += of_eflomal(arguments.eflomal, golds, arguments.training_pairs)
    print_table(rows)
    return 0


def of_method(aligner: "Aligner", golds: Sequence[Gold], method: str) -> Iterator[Row]:
    """The rows of one method: each layer and head where tokens are written and read, then two runs together."""
    from translator.inspect.alignment import AlignmentOptions, links_of
    from translator.inspect.word_weights import Reading

    weights = [[all_weights(each, gold, method, i) for i, each in enumerate(aligner.directions)] for gold in golds]
    config = aligner.directions[0].reader.model.config
    layers = (None,) if method == "rollout" else (None, *range(1, config.decoder_layers + 1))
    heads = (None,) if method == "rollout" else (None, *range(1, config.num_heads + 1))
    for where, layer, head in itertools.product(("written", "read"), layers, heads):
        reading = Reading(method, layer, head, where)  # type: ignore[arg-type]
        name = f"{method}, {where}, layer {layer or 'mean'}, head {head or 'all'}"
        taken = [[[reading.of(each) for each in of_run] for of_run in of_part] for of_part in weights]
        for i, _ in enumerate(aligner.directions):
            direction = "reverse" if i else "forward"
            for join in ("none", "grow-diag-final-and"):
                options = AlignmentOptions(reading, join)
                found = [[turned(links_of([each], options), i) for each in of_part[i]] for of_part in taken]
                yield Row(f"one run, {direction}, {join}", name, *scores(found, golds))
        if head is None and len(aligner.directions) > 1:
            for agreement, join in itertools.product((True, False), ("grow-diag-final-and", "intersection", "union")):
                options = AlignmentOptions(reading, join, agreement)  # type: ignore[arg-type]
                found = [[links_of(pair, options) for pair in zip(*of_part, strict=True)] for of_part in taken]
                group = f"two runs, {'agreeing' if agreement else 'independent'}, {join}"
                yield Row(group, name, *scores(found, golds))


def all_weights(direction: "Direction", gold: Gold, method: str, i: int) -> list[np.ndarray]:
    """What a model says of each pair; the second one reads them the other way round."""
    sides = [
        [(text, words_of(text)) for text in texts]
        for texts in zip(*((pair.english, pair.german) for pair in gold), strict=True)
    ]
    source, target = sides[::-1] if i else sides
    return direction.weights(source, target, method, lambda read: read, show_nothing)  # type: ignore[arg-type]


def turned(links: Links, i: int) -> Links:
    return reversed_links(links) if i else links


def of_eflomal(environment: Path, golds: Sequence[Gold], training_pairs: int) -> Iterator[Row]:
    """Eflomal's links of both directions, and joined."""
    parts = [eflomal_links(environment, gold, training_pairs) for gold in golds]
    for i, direction in enumerate(("forward", "reverse")):
        yield Row("eflomal", direction, *scores([part[i] for part in parts], golds))
    for name, join in SYMMETRIZATIONS.items():
        if name != "none":
            joined = [[join(*pair) for pair in zip(*part, strict=True)] for part in parts]
            yield Row("eflomal", name, *scores(joined, golds))


def eflomal_links(environment: Path, gold: Gold, training_pairs: int) -> list[list[Links]]:
    """The links of both directions, for pairs that stand behind those of training."""
    training = itertools.islice(grammar.aligned_pairs("train"), training_pairs)
    with tempfile.TemporaryDirectory() as folder:
        names = [str(Path(folder) / name) for name in ("source", "target", "forward", "reverse")]
        with Path(names[0]).open("w") as source, Path(names[1]).open("w") as target:
            for pair in itertools.chain(training, gold):
                source.write(" ".join(pair.english_words) + "\n")
                target.write(" ".join(pair.german_words) + "\n")
        options = itertools.chain(*zip(("-s", "-t", "-f", "-r"), names, strict=True))
        program = environment / "bin" / "eflomal-align"
        subprocess.run([program, "--model", "3", *options], check=True)
        return [[parsed(line) for line in Path(name).read_text().splitlines()[training_pairs:]] for name in names[2:]]


def parsed(line: str) -> Links:
    return frozenset((int(i), int(j)) for i, j in (link.split("-") for link in line.split()))


def scores(found: Iterable[Sequence[Links]], golds: Sequence[Gold]) -> list[AlignmentScore]:
    return [
        alignment_score(links, [pair.sure for pair in gold], [pair.possible for pair in gold])
        for links, gold in zip(found, golds, strict=True)
    ]


def print_table(rows: Sequence[Row]) -> None:
    """Markdown: the best of each group by validation, then every row."""
    by_error: Callable[[Row], float] = lambda row: row.validation.error_rate  # noqa: E731
    groups = dict.fromkeys(row.group for row in rows)
    best = [min((row for row in rows if row.group == group), key=by_error) for group in groups]
    chosen = min((row for row in best if row.group != "eflomal"), key=by_error)
    for title, shown in (("Best of each kind by validation", sorted(best, key=by_error)), ("All", rows)):
        print(f"\n{title} (AER in percent; precision and recall of the test split)\n")
        print("| kind | choice | validation | test | precision | recall |\n|---|---|---|---|---|---|")
        for row in shown:
            figures = row.validation.error_rate, *row.test
            mark = "**" if row is chosen else ""
            print(f"| {row.group} | {mark}{row.name}{mark} | " + " | ".join(f"{100 * x:.2f}" for x in figures) + " |")


if __name__ == "__main__":
    sys.exit(main())
