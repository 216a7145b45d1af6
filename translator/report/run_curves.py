"""How a training went, over its steps."""

from translator.report.charts import Line, line_chart
from translator.report.markup import Markup, tag
from translator.report.record import Record


def curves(record: Record) -> list[Markup]:
    """Loss, BLEU, learning rate, gradient norm and speed."""

    def line(name: str, key: str) -> Line:
        points = [(row["step"], row[key]) for row in record.rows if key in row]
        return Line(name, points, dots=key.startswith("validation"))

    loss = [line("training", "loss"), line("validation", "validation_loss")]
    nll = [line("training", "nll"), line("validation", "validation_nll")]
    charts = [
        line_chart("Loss", loss, "step", "nats a token"),
        line_chart("Validation BLEU", [line("validation", "validation_bleu")], "step", "BLEU"),
        line_chart("Negative log-likelihood", nll, "step", "nats a token"),
        line_chart("Learning rate", [line("learning rate", "learning_rate")], "step", "learning rate"),
        line_chart("Gradient norm", [line("mean over steps", "gradient_norm")], "step", "norm", logarithmic=True),
        line_chart("Speed", [line("training", "target_tokens_per_second")], "step", "target tokens a second"),
    ]
    if not any(charts):
        return [tag("p", "There are no figures yet.", class_="note")]
    note = "Loss is with label smoothing, negative log-likelihood without. Training figures are means."
    return [tag("div", *(chart for chart in charts if chart), class_="charts"), tag("p", note, class_="note")]
