"""How many planted near duplicates, slipped stretches and foreign lines `translator check` finds in a real corpus.

Training pairs at random places give way to validation pairs with up to a tenth of the characters of each side edited,
to pairs with swapped sides, and to a stretch that has slipped by a line. What is found beyond what the corpus as it is
already has, and beyond what was planted, is a false alarm.
"""

import argparse
import random
import tempfile
from pathlib import Path

from translator.config.load import load_config
from translator.config.schema import Config
from translator.data.checks import findings
from translator.data.checks.corpora import check_corpora
from translator.data.checks.report import CheckReport
from translator.data.corpora.base import SentencePair
from translator.data.corpora.formats import read_all

SLIPPED_PAIRS = 300
OVERLAP = ("in-training", "in-training-short", "near-training", "source-in-training")
LANGUAGES = ("swapped", "wrong-source-language", "wrong-target-language")


def edited(text: str, edits: int, letters: str, draw: random.Random) -> str:
    """So many random insertions, deletions and substitutions."""
    characters = list(text)
    for _ in range(edits):
        place = draw.randrange(len(characters))
        kind = draw.choice(["insert", "delete", "substitute"])
        if kind == "insert":
            characters.insert(place, draw.choice(letters))
        elif kind == "delete":
            del characters[place]
        else:
            characters[place] = draw.choice(letters)
    return "".join(characters)


def checked(config: Config, train: list[SentencePair], folder: Path) -> CheckReport:
    """The report with these training pairs."""
    for side, language in enumerate((config.data.source, config.data.target)):
        (folder / f"train.{language}").write_text("".join(f"{pair[side]}\n" for pair in train), encoding="utf-8")
    changed = config.model_dump(mode="json")
    root = config.data.root.absolute()
    changed["data"]["root"] = "/"
    changed["data"]["train"] = f"{folder}/train.{{lang}}"
    changed["data"]["validation"] = [f"{root}/{corpus.files}" for corpus in config.data.validation]
    changed["data"]["test"] = None
    return check_corpora(Config.model_validate(changed))


def found(report: CheckReport, kinds: tuple[str, ...], section: str) -> set[int]:
    """Numbers of the pairs with trouble of some kinds, counted from 0; all are examples here."""
    findings = [each for each in report.findings if each.kind in kinds and each.corpus.startswith(section)]
    return {int(example.place.rpartition(":")[2]) - 1 for each in findings for example in each.examples}


def main() -> None:
    """Prints what is found before and after planting."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path)
    parser.add_argument("--set", nargs="*", default=[])
    parser.add_argument("--planted", type=int, default=200)
    arguments = parser.parse_args()
    findings.MOST_EXAMPLES = 10**9
    config = load_config(arguments.config, arguments.set)
    draw, near = random.Random(1), arguments.planted
    train, validation = (read_all(corpora, config.data) for corpora in (config.data.train, config.data.validation))
    start = 3 * len(train) // 4
    with tempfile.TemporaryDirectory() as name:
        before = checked(config, train, Path(name))
        places = draw.sample(range(len(train) // 2), 2 * near)
        letters = ["".join(pair[side] for pair in validation[:100]) for side in (0, 1)]
        numbers = draw.sample([n for n, pair in enumerate(validation) if min(map(len, pair)) >= 10], near)
        planted = list(train)
        for place, number in zip(places[:near], numbers, strict=True):
            pair = validation[number]
            sides = [edited(pair[i], draw.randint(1, len(pair[i]) // 10), letters[i], draw) for i in (0, 1)]
            planted[place] = SentencePair(*sides)
        for place in places[near:]:
            planted[place] = SentencePair(train[place].target, train[place].source)
        for place in range(start, start + SLIPPED_PAIRS):
            planted[place] = SentencePair(train[place].source, train[place - 1].target)
        after = checked(config, planted, Path(name))
    first, then = (found(report, OVERLAP, "validation") for report in (before, after))
    beside = len(then - set(numbers))
    print(f"near duplicates: {len(then & set(numbers))} of {near} planted are found; beside them {beside}")
    print(f"  of {len(validation):,} validation pairs; {len(first)} before planting")
    first, then = (found(report, LANGUAGES, "train") for report in (before, after))
    swapped = set(places[near:])
    print(f"swapped pairs: {len(then & swapped)} of {near} planted, as swapped or in a wrong language; beside them")
    print(f"  {len(then - swapped)} of {len(train):,} training pairs; {len(first)} before planting")
    print(f"slipped pairs: {SLIPPED_PAIRS} planted from line {start + 1:,} on; found:")
    for finding in [*before.findings, *after.findings]:
        if finding.kind == "misaligned":
            for example in finding.examples:
                print(f"  line {example.place.rpartition(':')[2]}: {example.text}")


if __name__ == "__main__":
    main()
