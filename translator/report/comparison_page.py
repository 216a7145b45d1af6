"""The page of a comparison: verdict, scores, where the systems differ, and sentences won and lost."""

from collections.abc import Sequence

from translator.evaluation.bootstrap import SAMPLES, signed
from translator.evaluation.breakdown import Breakdown
from translator.evaluation.comparison import SURE, Sentence, SystemComparison
from translator.evaluation.differences import marked
from translator.languages import english_name
from translator.report.markup import Markup, gain, interval_plot, joined, marked_text, page, table, tag

MOST_SENTENCES = 50  # won, and as many lost
SHOWN_SENTENCES = 8  # without a click


def comparison_page(comparison: SystemComparison) -> str:
    """The HTML file that `translator compare --html` writes."""
    names = comparison.names
    title = f"{', '.join(names[1:])} compared with {names[0]}"
    number = len(comparison.sentences)
    sections = [_sentences(comparison, system) for system in range(1, len(names))]
    return page(
        title,
        tag("h1", title),
        tag("p", f"A test set of {number:,} sentences, into {english_name(comparison.language)}.", class_="note"),
        *_verdicts(comparison),
        tag("h2", "Scores"),
        _scores(comparison),
        _signatures(comparison),
        tag("h2", "Where they differ"),
        tag("div", *(_breakdown(each, names) for each in comparison.breakdowns), class_="tables"),
        *(tag("p", note, class_="note") for note in comparison.notes),
        *(part for section in sections for part in section),
    )


def _verdicts(comparison: SystemComparison) -> list[Markup]:
    metric = comparison.metrics["bleu"]
    verdicts = []
    for system, found in enumerate(metric.differences, 1):
        kind = None if found.p >= SURE else "good" if found.value > 0 else "bad"
        text = tag("span", metric.verdict(comparison.names, system))
        verdicts.append(tag("p", text, class_=f"verdict {kind or ''}".strip()))
    return verdicts


def _scores(comparison: SystemComparison) -> Markup:
    names, rows = comparison.names, []
    for metric in comparison.metrics.values():
        reach = max(abs(end) for each in metric.differences for end in (each.low, each.high)) or 1.0
        for system, score in enumerate(metric.scores):
            row: list[str | Markup] = [metric.name if system == 0 else "", names[system], f"{score.value:.2f}"]
            row.append(tag("small", f"[{score.low:.2f}, {score.high:.2f}]"))
            if system:
                found, better = metric.differences[system - 1], metric.higher_is_better
                row += [gain(found.value, higher_is_better=better)]
                row += [tag("small", f"[{signed(found.low)}, {signed(found.high)}]")]
                row += [interval_plot(found, 1.1 * reach, better), f"{found.p:.3f}"]
            else:
                row += [""] * 4
            rows.append(row)
    columns = ["", "system", "score", "95%", "difference", "95%", "worse ← → better", "p"]
    return table(columns, rows, texts=2)


def _signatures(comparison: SystemComparison) -> Markup:
    lower = [metric.name for metric in comparison.metrics.values() if not metric.higher_is_better]
    text = (
        f"Differences are to {comparison.names[0]}. Intervals and p-values are of {SAMPLES:,} paired bootstrap samples "
        "of the test set, as sacrebleu --paired-bs has them. "
        + (f"Of {', '.join(lower)}, lower is better. " if lower else "")
    )
    signatures = [tag("li", f"{metric.name}: {metric.signature}") for metric in comparison.metrics.values()]
    return joined([tag("p", text, class_="note"), tag("ul", *signatures, class_="note signatures")])


def _breakdown(breakdown: Breakdown, names: Sequence[str]) -> Markup:
    rows = []
    for row in breakdown.rows:
        first, *others = row.figures
        cells: list[str | Markup] = [row.label, f"{row.count:,}", f"{first:.1f}"]
        for figure in others:
            cells.append(joined([f"{figure:.1f} ", gain(figure - first, 1)]))
        rows.append(cells)
    columns = ["", breakdown.of, *(f"{breakdown.measure} of {name}" for name in names)]
    note = [tag("p", breakdown.note, class_="note")] if breakdown.note else []
    return tag("section", tag("h3", breakdown.title), table(columns, rows), *note)


def _sentences(comparison: SystemComparison, system: int) -> list[Markup]:
    names, won, lost = comparison.names, comparison.won(system), comparison.lost(system)
    equal = len(comparison.sentences) - len(won) - len(lost)
    legend = joined(
        [
            f"By chrF of each sentence, {names[system]} is better in {len(won):,}, worse in {len(lost):,} and equal in "
            f"{equal:,}. Words that only one of the two has are marked: ",
            tag("mark", "the reference has them", class_="right"), ", or ",
            tag("mark", "it does not", class_="wrong"), ".",
        ]
    )  # fmt: skip
    parts = [tag("h2", f"Sentences: {names[system]} and {names[0]}"), tag("p", legend)]
    for heading, sentences in (("won", won), ("lost", lost)):
        if sentences:
            parts.append(tag("h3", f"Most {heading} by {names[system]}"))
            cards = [_sentence(comparison, each, system) for each in sentences[:MOST_SENTENCES]]
            parts += cards[:SHOWN_SENTENCES]
            if more := cards[SHOWN_SENTENCES:]:
                parts.append(tag("details", tag("summary", f"{len(more)} more"), *more))
    return parts


def _sentence(comparison: SystemComparison, sentence: Sentence, system: int) -> Markup:
    language, spaceless = comparison.language, comparison.spaceless

    def line(name: str, text: str | Markup, lang: str | None = language) -> Markup:
        return joined([tag("dt", name), tag("dd", text, lang=lang, dir="auto")])

    first, other = sentence.hypotheses[0], sentence.hypotheses[system]
    lines = [line("source", sentence.source, None)] if sentence.source else []
    lines.append(line("reference", sentence.reference))
    for name, text, beside in ((comparison.names[0], first, other), (comparison.names[system], other, first)):
        lines.append(line(name, marked_text(marked(text, beside, sentence.reference, spaceless))))
    chrf = f"chrF {sentence.chrf[0]:.1f} → {sentence.chrf[system]:.1f} "
    header = tag(
        "header", tag("span", f"sentence {sentence.number:,}"), tag("span", chrf, gain(sentence.gain(system), 1))
    )
    return tag("article", header, tag("dl", *lines), class_="sentence")
