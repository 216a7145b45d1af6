"""What a run scores on its test set, where it does well, and single sentences."""

from collections.abc import Sequence

from translator.evaluation.bootstrap import SAMPLES
from translator.evaluation.breakdown import Breakdown
from translator.evaluation.differences import marked
from translator.evaluation.report import Report
from translator.languages import writes_no_spaces
from translator.report.charts import HeatMap, bar, heat_map
from translator.report.facts import Facts
from translator.report.markup import Markup, clipped, joined, marked_text, table, tag

MOST_SENTENCES = 30  # best, and as many worst
SHOWN_SENTENCES = 6  # without a click
MOST_CHARACTERS = 2000  # of a sentence


def scores(facts: Facts) -> list[Markup]:
    """All scores with intervals and signatures."""
    report = facts.report
    if report is None:
        text = (
            "The test set has not been translated yet. " if facts.record.config.data.test else "There is no test set. "
        )
        return [tag("p", text, class_="note")]
    rows: list[list[str | Markup]] = []
    signatures: list[str] = []
    for name, value, interval, signature in report.scores.named:
        between = "" if interval is None else f"[{interval[0]:.2f}, {interval[1]:.2f}]"
        rows.append([name, "–" if value is None else f"{value:.2f}", between])
        signatures.append(f"{name}: {signature}")
    for each in report.external:
        places = 2 if abs(each.score) >= 1 else 4  # most are between 0 and 1
        between = "" if each.interval is None else "[{:.{p}f}, {:.{p}f}]".format(*each.interval, p=places)
        rows.append([each.name, f"{each.score:.{places}f}", between])
        signatures.append(f"{each.name}: {each.signature}")
    if report.nll is not None:
        rows.append(["perplexity", f"{report.perplexity:.2f}", ""])
        signatures.append(f"perplexity: of the references, whose nll is {report.nll:.3f} nats a token")
    listed = tag("ul", *(tag("li", each) for each in signatures if not each.endswith(": ")), class_="note signatures")
    if not any(row[2] for row in rows):
        rows = [row[:2] for row in rows]
    of_pairs = [tag("h3", "By pair of languages"), _of_pairs(report)] if report.of_pairs else []
    of_pairs += [tag("h3", "Together")] if len(report.of_pairs) > 1 else []
    found = [
        *of_pairs,
        table(["", "score", "95%"][: len(rows[0])], rows),
        tag("p", _note(facts, report), class_="note"),
        listed,
    ]
    if facts.record.state == "training":
        found.insert(0, tag("p", "These scores are of the model before this training.", class_="note"))
    return found


def _of_pairs(report: Report) -> Markup:
    """BLEU and chrF of each pair of languages."""
    rows: list[list[str | Markup]] = []
    for each in report.of_pairs:
        low, high = each.scores.intervals.get("bleu", (each.scores.bleu, each.scores.bleu))
        name = f"{each.source} → {each.target}{' (zero-shot)' if each.zero_shot else ''}"
        figures = f"{each.scores.bleu:.2f}", f"[{low:.2f}, {high:.2f}]", f"{each.scores.chrf:.2f}"
        rows.append([name, f"{each.sentences:,}", *figures])
    if len(report.of_pairs) > 1:
        rows.append(["mean", "", f"{report.mean_bleu:.2f}", "", ""])
    return table(["", "sentences", "BLEU", "95%", "chrF"], rows)


def _note(facts: Facts, report: Report) -> str:
    taken = "" if report.seconds is None else f" in {report.seconds:.1f} s"
    lower = "Of TER, lower is better. "
    intervals = f"95%: of {SAMPLES:,} bootstrap samples of the test set. " if report.scores.intervals else ""
    return (
        f"{len(report.pairs):,} sentences ({'; '.join(facts.corpora('test')) or 'of files'}), translated by "
        f"{facts.search}{taken}. {lower}{intervals}"
    )


def lengths(facts: Facts) -> list[Markup]:
    """Tables of scores by kind of sentence or word."""
    tables = [_breakdown(each) for each in facts.breakdowns]
    return [tag("div", *tables, class_="tables")] if tables else []


def _breakdown(breakdown: Breakdown) -> Markup:
    most = max(row.figures[0] for row in breakdown.rows)
    rows = [[row.label, f"{row.count:,}", f"{row.figures[0]:.1f}", bar(row.figures[0], most)] for row in breakdown.rows]
    note = [tag("p", breakdown.note, class_="note")] if breakdown.note else []
    columns = ["", breakdown.of, breakdown.measure, ""]
    return tag("section", tag("h3", breakdown.title), table(columns, rows), *note)


def robustness(facts: Facts) -> list[Markup]:
    """What the test set scores under each kind of damage, where that has been measured."""
    if facts.robustness is None:
        return []
    rows: list[list[str | Markup]] = [
        [
            row.condition,
            f"{row.lines:,}",
            row.measure,
            f"{row.value:.2f}",
            "" if row.difference is None else f"{row.difference:+.2f}",
            row.how,
        ]
        for row in facts.robustness.rows
    ]
    note = "By translator eval --robustness. The damage is the same for all systems."
    return [table(["", "lines", "", "", "to clean", "of"], rows), tag("p", note, class_="note")]


def sentences(facts: Facts) -> list[Markup]:
    """The worst translations by chrF, and the best."""
    report = facts.report
    if report is None:
        return []
    # Of equally good ones the longer first: there is more to see.
    lengths, scores = [len(pair.target) for pair in report.pairs], facts.sentence_scores
    worst = sorted(range(len(scores)), key=lambda i: (scores[i], -lengths[i]))
    best = sorted(range(len(scores)), key=lambda i: (-scores[i], -lengths[i]))
    half = min(MOST_SENTENCES, len(scores) // 2)
    legend = joined(
        [
            "By chrF of each sentence. In a translation, words that the reference lacks are ",
            tag("mark", "marked", class_="wrong"), "; in a reference, words that the translation lacks are ",
            tag("mark", "marked", class_="right"), ".",
        ]
    )  # fmt: skip
    parts = [tag("p", legend)]
    for heading, chosen in (("Worst", worst[:half]), ("Best", best[:half])):
        if not chosen:
            continue
        cards = [_sentence(facts, report, i) for i in chosen]
        parts += [tag("h3", heading), *cards[:SHOWN_SENTENCES]]
        if more := cards[SHOWN_SENTENCES:]:
            parts.append(tag("details", tag("summary", f"{len(more)} more"), *more))
    return parts


def _sentence(facts: Facts, report: Report, index: int) -> Markup:
    languages = facts.languages_of_sentences[index]
    spaceless = writes_no_spaces(languages.target)
    texts = (*report.pairs[index], report.hypotheses[index])
    source, target, hypothesis = (clipped(text, MOST_CHARACTERS) for text in texts)
    lines = [("source", joined([source]), languages.source)] if source else []
    lines.append(("reference", marked_text(marked(target, hypothesis, target, spaceless)), languages.target))
    lines.append(("translation", marked_text(marked(hypothesis, target, target, spaceless)), languages.target))
    described = [joined([tag("dt", name), tag("dd", text, lang=lang, dir="auto")]) for name, text, lang in lines]
    header = tag(
        "header",
        tag("span", f"sentence {index + 1:,}"),
        tag("span", f"chrF {facts.sentence_scores[index]:.1f}"),
    )
    return tag("article", header, tag("dl", *described), class_="sentence")


def attention(heat_maps: Sequence[HeatMap], languages: tuple[str, str]) -> list[Markup]:
    """What the model looks at in a few sentences."""
    if not heat_maps:
        return []
    note = (
        "How much each word of the translation (rows) looks at each word of the sentence (columns) as it is written: "
        "cross-attention, the mean of all layers and heads. Darker is more, in each picture up to its largest."
    )
    figures = [
        tag(
            "figure",
            tag("figcaption", tag("span", each.source, lang=languages[0], dir="auto"), " → ",
                tag("span", each.target, lang=languages[1], dir="auto")),
            tag("div", heat_map(each), class_="scroll"),
        )
        for each in heat_maps
    ]  # fmt: skip
    return [tag("p", note, class_="note"), tag("div", *figures, class_="charts")]
