"""A ledger in words and as a table, with marks at the figures that mean less than they seem to."""

from lm_zoo.evaluation.training_cost import describe_checkpoint
from lm_zoo.figures import few_tokens_mark, written, written_or_bound
from lm_zoo.tables import render


def describe_context(context):
    """Returns a context rule in words."""
    return _DESCRIBED[context["rule"]](context)


def _carried(context):
    if "within_documents" in context:
        return "carried state within documents"
    streams = context["streams"]
    return f"carried state, {streams} stream{'' if streams == 1 else 's'}"


def _windows(context):
    words = f"windows of {context['window']}, stride {context['stride']}"
    return words + (", within documents" if "within_documents" in context else "")


def _source(context):
    left_out = context["pairs_not_scored"]
    words = f"the whole source, {context['pairs']:,} pairs"
    return words + (f" ({left_out:,} not scored)" if left_out else "")


_DESCRIBED = {"carried": _carried, "windows": _windows, "source": _source}


def render_table(ledger):
    """Returns the ledger as a table of text, figures first."""
    few = few_tokens_mark(ledger.tokens_scored)
    rows = [
        ("perplexity per token", written(ledger.perplexity) + few),
        ("bits per token", written(ledger.bits_per_token) + few),
        ("perplexity per word", _converted(ledger, "perplexity_per_word") + few),
        ("bits per byte", _converted(ledger, "bits_per_byte") + few),
        ("negative log-likelihood", f"{ledger.nll_nats:.4f} nats"),
        ("tokens scored", f"{ledger.tokens_scored:,}"),
        ("tokens not scored", _not_scored(ledger)),
        ("<unk> rate", f"{ledger.unknown_rate:.4%}"),
        ("words, bytes", f"{ledger.num_words:,}, {ledger.num_bytes:,}"),
        ("of them lost", f"{ledger.words_lost:,}, {ledger.bytes_lost:,}"),
        ("context", describe_context(ledger.context)),
        ("text", f"{ledger.corpus or 'corpus'}, {ledger.split}, sha256 {ledger.text_sha256[:12]}"),
        ("tokenizer", f"{ledger.tokenizer}, {ledger.tokenizer_fingerprint[:12]}"),
        ("model", f"{ledger.model}, {ledger.parameters:,} parameters"),
        ("checkpoint", describe_checkpoint(ledger.step, ledger.training)),
    ]
    if "source_sha256" in ledger.context:
        sources = ("sources", f"sha256 {ledger.context['source_sha256'][:12]}")
        rows.insert(-3, sources)
    return render(("", ""), rows)


def _not_scored(ledger):
    why = f" ({ledger.why_not_scored})" if ledger.why_not_scored else ""
    return f"{ledger.tokens_not_scored:,}{why if ledger.tokens_not_scored else ''}"


def describe_hidden(ledger, words_only=False):
    """Returns what the model was not charged for, in words, or nothing."""
    found = []
    if ledger.num_unknown:
        found.append(f"{ledger.unknown_rate:.4%} of the tokens are <unk>")
    if ledger.bytes_lost and not words_only:
        found.append(f"{ledger.bytes_lost / ledger.num_bytes:.4%} of the bytes are lost")
    if ledger.words_lost:
        found.append(
            f"{ledger.words_lost / ledger.num_words:.4%} of the words and line ends are lost"
        )
    return ", ".join(found)


def written_figure(ledger, name):
    """Returns a figure of a ledger as text; where it is not known, its lower bound with `>=`."""
    return written_or_bound(getattr(ledger, name), getattr(ledger, f"{name}_lower_bound", None))


def _converted(ledger, name):
    """Returns a figure per word or byte, with why it is but a bound where it is."""
    text = written_figure(ledger, name)
    if not text.startswith(">="):
        return text
    return f"{text}  ({describe_hidden(ledger, words_only=name == 'perplexity_per_word')})"
