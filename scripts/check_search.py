"""Whether a run's translations depend on the batch, and how many are those of CTranslate2.

    python scripts/check_search.py runs/multi30k_en_de
    python scripts/check_search.py runs/multi30k_en_de --checkpoint best --beams 4

The run's test set is translated in batches of 64 sentences of like length; in batches of 64 as they come; and one by
one. For each beam size a row says how many texts are the same in all three, and how far the scores of these differ at
most. Then, where CTranslate2 is installed, rows say how many texts are those that it finds in the same weights, for
each rule of when the search of a sentence ends. All is float32.
"""

import argparse
import itertools
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from translator import Translator
    from translator.decoding.options import Hypothesis, SearchOptions

Found = list["Hypothesis"]  # the best of each sentence
TOGETHER = 64


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="a run folder")
    parser.add_argument("--checkpoint", choices=["best", "last"], help="as in translate")
    parser.add_argument("--beams", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--sentences", type=int, help="the first so many of the test set; all by default")
    given = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from translator import Translator

    for beam in given.beams:
        translator = Translator.load(given.run, beam, given.checkpoint)
        sources = _sources(translator, given.run)[: given.sentences]
        found = _searched(translator, sources, _by_length(sources), translator.options)
        _print_invariance(translator, sources, found, beam)
        try:
            other = Translator.load(given.run, beam, given.checkpoint, "ctranslate2")
        except Exception as error:
            print(f"no comparison with CTranslate2: {error}")
            continue
        theirs = _searched(other, sources, _by_length(sources), other.options)
        for stopping in ("ahead", "finished", "exact") if beam > 1 else ("ahead",):
            options = translator.options.with_changes({"stopping": stopping})
            own = options == translator.options
            ours = found if own else _searched(translator, sources, _by_length(sources), options)
            same = sum(a.ids == b.ids for a, b in zip(ours, theirs, strict=True))
            rule = f", stopping {stopping}" if beam > 1 else ""
            print(f"beam {beam}{rule}: {same:,} of {len(sources):,} as CTranslate2's", flush=True)
    return 0


def _print_invariance(translator: "Translator", sources: list[list[int]], found: Found, beam: int) -> None:
    numbers = list(range(len(sources)))
    others = [
        _searched(
            translator, sources, [numbers[i : i + size] for i in range(0, len(numbers), size)], translator.options
        )
        for size in (TOGETHER, 1)
    ]
    rows = list(zip(found, *others, strict=True))
    same = [row for row in rows if len({each.ids for each in row}) == 1]
    largest = max(abs(a.score - b.score) for row in same for a, b in itertools.combinations(row, 2))
    print(
        f"beam {beam}: {len(same):,} of {len(rows):,} the same in batches of {TOGETHER}, sorted or not, and alone; "
        f"their scores differ by up to {largest:.1e}",
        flush=True,
    )


def _sources(translator: "Translator", run: Path) -> list[list[int]]:
    """The test set's sentences as ids; those that are cut into pieces or blank are left out."""
    from translator.data.corpora.formats import read_all
    from translator.run_folder import RunFolder

    data = RunFolder(run).load_config().data
    encoded = translator.source.encode([pair.source for pair in read_all(data.test or (), data)])
    return [list(ids) for ids in encoded if 0 < len(ids) <= translator.max_source_tokens]


def _by_length(sources: Sequence[Sequence[int]]) -> list[list[int]]:
    from translator.data.batches import length_sorted

    return [list(batch) for batch in length_sorted([list(source) for source in sources], TOGETHER)]


def _searched(
    translator: "Translator",
    sources: Sequence[Sequence[int]],
    batches: Sequence[Sequence[int]],
    options: "SearchOptions",
) -> Found:
    found: dict[int, Hypothesis] = {}
    for batch in batches:
        hypotheses = translator.engine.search([sources[i] for i in batch], options)
        found |= {i: best for i, (best, *_) in zip(batch, hypotheses, strict=True)}
    return [found[i] for i in range(len(sources))]


if __name__ == "__main__":
    raise SystemExit(main())
