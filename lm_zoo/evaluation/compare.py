"""Sets evaluations side by side, and refuses figures that do not mean the same."""

import dataclasses

from lm_zoo.errors import UserError, unknown_name
from lm_zoo.evaluation.compare_figures import unlike
from lm_zoo.evaluation.ledger_table import describe_context, describe_hidden
from lm_zoo.evaluation.training_cost import cost_table
from lm_zoo.figures import FEW_TOKENS, written_or_bound
from lm_zoo.tables import render

MEASURES = {
    "perplexity": "perplexity per token",
    "perplexity_per_word": "perplexity per word",
    "bits_per_byte": "bits per byte",
}
_HEADERS = {"perplexity": "perplexity", "perplexity_per_word": "per word"}


@dataclasses.dataclass
class Comparison:
    """Evaluations of one text, best first; printed, it is a table.

    Attributes:
        by: The figure that they are ranked by: `perplexity`, `perplexity_per_word`,
            `bits_per_byte` or a metric of translations.
        rows: A dict per evaluation: `name`, `model`, `parameters`, `step`, `training` (what it
            took, from `training_cost`), `tokenizer`, `context`,
            the three figures (`perplexity` is None where tokenizers differ; those per word and byte
            where not all of the text was predicted, and then their lower bounds are there),
            `few_tokens`, the scores of translations where there are some (`bleu`, ...), and
            `ratio`: the ranking figure over the best one's.
        notes: What a reader must know besides.
        labels: Figure -> what people call it.
    """

    by: str
    rows: list[dict]
    notes: list[str]
    labels: dict[str, str]

    def to_dict(self) -> dict:
        """Returns plain values for JSON."""
        return {"by": self.by, "rows": self.rows, "notes": self.notes}

    def __str__(self):
        return self.table()

    def table(self) -> str:
        """Returns the comparison as a table of text, with its notes."""
        measures = self.labels
        shown = [
            m
            for m in measures
            if any(row.get(name) is not None for row in self.rows for name in (m, _bound(m)))
        ]
        headers = ["run", *(_HEADERS.get(m, measures[m]) for m in shown), "ratio"]
        rows = [
            [
                row["name"],
                *(_cell(row, measure) for measure in shown),
                "-" if row["ratio"] is None else f"{row['ratio']:.3f}",
            ]
            for row in self.rows
        ]
        table = render(headers, rows, "l" + "r" * (len(shown) + 1))
        ranked = f"Best first, by {measures[self.by]}; ratio is relative to the best."
        settings = self._settings()
        return "\n".join([table, ranked, *self.notes, "", cost_table(self.rows), *settings])

    def _settings(self):
        """Yields lines on what figures depend on: one for all, or one for each run."""
        for what in ("tokenizer", "context"):
            values = {row["name"]: row[what] for row in self.rows}
            if len(set(values.values())) == 1:
                yield f"{what}: {self.rows[0][what]}"
            else:
                yield from (f"{what} of {name}: {value}" for name, value in values.items())


def compare(ledgers, by="auto", translations=None):
    """Ranks evaluations of the same text.

    With one tokenizer, perplexities per token are compared. With several they would be unlike, so
    the NLL is shared out over the text's bytes and words instead, and a note says so; that needs
    tokenizers that give the whole text back. Where all have translations of the text, their BLEU is
    compared, which needs neither.

    Args:
        ledgers: `Ledger`s, or a dict name -> `Ledger`.
        by: `auto`, `perplexity`, `perplexity_per_word`, `bits_per_byte`, or the first metric of
            the scores, of which more is better: `bleu`.
        translations: Name -> `lm_zoo.evaluation.scores.Scores` of the same text, or what has such
            attributes; some or all may be missing.

    Returns:
        A `Comparison`.

    Raises:
        UserError: If the figures are unlike, naming the field and both values.
    """
    named = _named(ledgers)
    first_name, first = named[0]
    for name, ledger in named[1:]:
        _check_same_source(first_name, first, name, ledger)
        _check_same_text(first_name, first, name, ledger)
    translations = {name: found for name, found in (translations or {}).items() if found}
    check_like_scores(translations)
    labels = {k: v for scores in translations.values() for k, v in scores.labels.items()}
    best_known = next(iter(labels), None)
    ranks_scores = labels and all(
        name in translations and best_known in translations[name].values for name, _ in named
    )
    several = len({ledger.tokenizer_fingerprint for _, ledger in named}) > 1
    notes = []
    if by == "auto" and ranks_scores:
        by = best_known
    elif by == "auto":
        by = "bits_per_byte" if several else "perplexity"
    elif by not in (*MEASURES, best_known):
        raise unknown_name("by", by, ["auto", *MEASURES, *list(labels)[:1]])
    shown = list(MEASURES)
    if several and by == best_known and any(ledger.hides_text for _, ledger in named):
        shown = []
        notes.append(
            "The tokenizers differ, and not all are lossless, so the perplexities are not "
            "comparable."
        )
    elif several:
        if by != best_known:
            _check_convertible(named, by)
        shown.remove("perplexity")
        notes.append(
            "The tokenizers differ, so perplexities per token are not comparable: the negative "
            "log-likelihood is given per byte and per word of the text instead."
        )
    if len({describe_context(ledger.context) for _, ledger in named}) > 1:
        notes.append("The context rules differ: more context lowers perplexity.")
    if shown and first.hides_text:
        notes.append(
            f"Not all of the text was predicted: {describe_hidden(first)}. Figures marked >= are "
            "lower bounds."
        )
    if shown and any(ledger.few_tokens for _, ledger in named):
        notes.append(f"* is based on fewer than {FEW_TOKENS} tokens, too few to mean much.")
    counted = {k: v for scores in translations.values() for k, v in scores.signatures.items()}
    notes += [f"{metric}: {signature}" for metric, signature in counted.items()]
    rows = [_row(name, ledger, shown, labels, translations.get(name)) for name, ledger in named]
    if any(row[by] is None for row in rows):
        raise UserError(
            f"by: expected a figure that every ledger has, received {by!r}; use "
            f"{best_known if by == 'perplexity' and best_known else 'perplexity'}."
        )
    rows.sort(key=lambda row: row[by], reverse=by == best_known)
    best = rows[0][by]
    for row in rows:
        row["ratio"] = row[by] / best if best else None
    return Comparison(by, rows, notes, MEASURES | labels)


def check_like_scores(named):
    """Raises a `UserError` unless scores were counted alike, naming what differs.

    Args:
        named: Name -> scores, with `num_pairs` and `signatures`.
    """
    metrics = dict.fromkeys(metric for scores in named.values() for metric in scores.signatures)
    for metric in ("num_pairs", *metrics):
        counted = {
            name: scores.num_pairs if metric == "num_pairs" else scores.signatures.get(metric)
            for name, scores in named.items()
        }
        counted = {name: value for name, value in counted.items() if value is not None}
        for name, value in counted.items():
            first_name, first = next(iter(counted.items()))
            if value != first:
                what = metric if metric == "num_pairs" else f"the signature of {metric}"
                advice = "evaluate both the same way"
                raise unlike(what, repr(first), first_name, repr(value), name, advice, "scores")


def _cell(row, measure):
    if measure not in MEASURES:
        return written_or_bound(row[measure], None, digits=2)
    mark = " *" if row["few_tokens"] else ""
    return written_or_bound(row[measure], row.get(_bound(measure))) + mark


def _bound(measure):
    return f"{measure}_lower_bound"


def _named(ledgers):
    if isinstance(ledgers, dict):
        named = list(ledgers.items())
    else:
        ledgers = list(ledgers)
        named = [(ledger.model or f"run {i + 1}", ledger) for i, ledger in enumerate(ledgers)]
    if not named:
        raise UserError("compare: expected at least one ledger, received none.")
    return [(str(name), ledger.validate()) for name, ledger in named]


def _row(name, ledger, shown, labels, scores):
    figures = {measure: getattr(ledger, measure) for measure in MEASURES}
    bounds = {_bound(m): getattr(ledger, _bound(m)) for m in MEASURES if m != "perplexity"}
    return {
        "name": name,
        "model": ledger.model,
        "parameters": ledger.parameters,
        "step": ledger.step,
        "training": ledger.training,
        "tokenizer": ledger.tokenizer,
        "context": describe_context(ledger.context),
        **{measure: value if measure in shown else None for measure, value in figures.items()},
        **{name: value if shown else None for name, value in bounds.items()},
        "few_tokens": ledger.few_tokens,
        **{measure: scores and scores.values.get(measure) for measure in labels},
    }


def _check_same_text(name, ledger, other_name, other):
    """The same split of the same text, counted in the same way."""
    fields = ["split", "text_sha256", "num_bytes", "num_words"]
    if ledger.tokenizer_fingerprint == other.tokenizer_fingerprint:
        fields += ["tokens_scored", "tokens_not_scored", "num_unknown"]
        fields += ["bytes_lost", "words_lost"]
    for field in fields:
        mine, theirs = getattr(ledger, field), getattr(other, field)
        if mine != theirs:
            advice = "evaluate both on the same text"
            raise unlike(field, repr(mine), name, repr(theirs), other_name, advice)


def _check_same_source(name, ledger, other_name, other):
    """A text given its source is another matter than the text alone, or given another source."""
    mine, theirs = ledger.context.get("source_sha256"), other.context.get("source_sha256")
    if mine == theirs:
        return
    if mine and theirs:
        advice = "evaluate both on the same pairs"
        raise unlike("source_sha256", repr(mine), name, repr(theirs), other_name, advice)
    mine, theirs = describe_context(ledger.context), describe_context(other.context)
    advice = "compare models that read a source with each other"
    raise unlike("context", mine, name, theirs, other_name, advice)


def _check_convertible(named, by):
    """Another tokenizer's figures can be converted only if every token's text was predicted."""
    first_name, first = named[0]
    if by == "perplexity":
        name, other = next(
            (n, x) for n, x in named if x.tokenizer_fingerprint != first.tokenizer_fingerprint
        )
        raise UserError(
            "by: perplexities per token are not comparable when tokenizer_fingerprint differs: "
            f"{first.tokenizer_fingerprint[:12]!r} ({first.tokenizer}) in {first_name}, "
            f"{other.tokenizer_fingerprint[:12]!r} ({other.tokenizer}) in {name}; use "
            "bits_per_byte or perplexity_per_word."
        )
    hidden = {name: describe_hidden(ledger) for name, ledger in named if ledger.hides_text}
    if hidden:
        listed = "; ".join(f"in {name} {what}" for name, what in hidden.items())
        raise UserError(
            "compare: when tokenizers differ, each must be lossless, because text that is lost "
            f"in tokenization is not predicted: {listed}. Use tokenizers such as byte, bpe or "
            "character, or runs with one tokenizer."
        )
