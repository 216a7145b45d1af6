"""The page of a run: how it trains or trained, what it scores, what it was trained on and with."""

from collections.abc import Callable, Sequence
from datetime import datetime, timezone

from translator.progress import duration
from translator.report.charts import HeatMap
from translator.report.facts import Facts
from translator.report.markup import Markup, joined, page, tag
from translator.report.record import Record, Row, State
from translator.report.run_curves import curves
from translator.report.run_scores import attention, lengths, robustness, scores, sentences
from translator.report.run_settings import configuration, data, environment, trouble

REFRESH_SECONDS = 20  # while the run trains

STATES: dict[State, str] = {
    "training": "training",
    "untrained": "not trained yet",
    "stopped": "stopped before the end of its training",
    "complete": "trained, not scored",
    "scored": "trained and scored",
}
Section = tuple[str, str, Callable[[], Sequence[Markup]]]


def run_page(facts: Facts, heat_maps: Sequence[HeatMap] = (), now: datetime | None = None) -> str:
    """The HTML file `report/index.html` of a run.

    Args:
        facts: of the run.
        heat_maps: what it looks at in some sentences.
        now: the time that the page is said to be of.
    """
    record = facts.record
    source, target = facts.languages
    codes = record.config.data.source, record.config.data.target
    every: list[Section] = [
        ("scores", "Scores", lambda: scores(facts)),
        ("curves", "Training", lambda: curves(record)),
        ("lengths", "Where it does well", lambda: lengths(facts)),
        ("robustness", "Where it reads damaged text", lambda: robustness(facts)),
        ("sentences", "Sentences", lambda: sentences(facts)),
        ("attention", "Attention", lambda: attention(heat_maps, codes)),
        ("trouble", "What was skipped or went wrong", lambda: trouble(record)),
        ("data", "Data", lambda: data(facts)),
        ("configuration", "Configuration", lambda: configuration(record)),
        ("environment", "Time and machine", lambda: environment(record)),
    ]  # fmt: skip
    found = [(name, title, parts) for name, title, make in every if (parts := list(make()))]
    written = (now or datetime.now(timezone.utc)).astimezone(timezone.utc)
    return page(
        f"{record.name}: {source} → {target}",
        tag("h1", record.name),
        tag("p", f"{source} → {target}. {facts.architecture}."),
        tag("p", STATES[record.state], class_=f"state {record.state}"),
        tag("nav", *(tag("a", title, href=f"#{name}") for name, title, _ in found), aria_label="On this page"),
        tiles(facts),
        *(joined([tag("h2", title, id=name), *parts]) for name, title, parts in found),
        tag("footer", f"Written on {written:%Y-%m-%d at %H:%M:%S} UTC{_renewed(record.state)}"),
        refresh_seconds=REFRESH_SECONDS if record.state == "training" else None,
    )


def _renewed(state: State) -> str:
    return ", after each validation; an open page reads itself again." if state == "training" else "."


def tiles(facts: Facts) -> Markup:
    """What one wants to know first."""
    record, found = facts.record, []

    def add(name: str, value: str, more: str = "") -> None:
        found.append(tag("div", tag("dt", name), tag("dd", value, tag("small", more))))

    if facts.report and record.state != "training":
        bleu = facts.report.scores.named[0]
        between = f"95%: {bleu.interval[0]:.2f} to {bleu.interval[1]:.2f}" if bleu.interval else ""
        add("BLEU of the test set", f"{bleu.value:.2f}", between)
    if best := record.best_validation:
        add("best validation BLEU", f"{best['validation_bleu']:.2f}", f"at step {best['step']:,.0f}")
    if record.training_rows:
        _add_training(record, record.training_rows[-1], add)
    add("on disk", f"{record.disk_bytes / 1e6:,.0f} MB", "with checkpoints")
    return tag("dl", *found, class_="tiles")


def _add_training(record: Record, last: Row, add: Callable[..., None]) -> None:
    add("steps", f"{last['step']:,.0f}", f"{last['epoch']:.1f} epochs" if "epoch" in last else "")
    starts = len(record.starts)
    add("training time", duration(last["training_seconds"]), f"in {starts} starts" if starts > 1 else "")
    speeds = sorted(row["target_tokens_per_second"] for row in record.rows if "target_tokens_per_second" in row)
    if "target_tokens" in last:
        add(
            "target tokens",
            f"{last['target_tokens']:,.0f}",
            f"{speeds[len(speeds) // 2]:,.0f} a second" if speeds else "",
        )
    skipped = last.get("skipped_steps", 0)
    if skipped:
        add("skipped steps", f"{skipped:,.0f}", "NaN or infinite")
