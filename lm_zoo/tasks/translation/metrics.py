"""BLEU, chrF and TER of translations, by sacrebleu, with the signatures that say how it counted."""

import numpy as np

from lm_zoo.errors import UserError, unknown_name
from lm_zoo.tasks.translation.scores import METRICS, TranslationScores

ORDER = 4  # BLEU's longest n-grams


def require_sacrebleu(field="metrics"):
    """Returns sacrebleu's module of metrics.

    Args:
        field: What asks for it, for the error.

    Raises:
        UserError: If sacrebleu is not installed.
    """
    try:
        from sacrebleu import metrics
    except ImportError:
        raise UserError(
            f"{field}: BLEU, chrF and TER need the package sacrebleu, which is not "
            'installed; run `pip install "lm_zoo[translation]"`.'
        ) from None
    return metrics


def check_references(num_translations, references):
    """Returns the references as a list of lists, one or more for all translations.

    Args:
        num_translations: Number of translations.
        references: A string for each translation; or a list of several such lists.

    Raises:
        UserError: If their number differs from that of the translations, or is 0.
    """
    references = list(references)
    several = bool(references) and not isinstance(references[0], str)
    sets = [list(part) for part in references] if several else [references]
    for number, part in enumerate(sets, 1):
        if len(part) != num_translations:
            which = f" in set {number}" if several else ""
            raise UserError(
                f"references: expected one for each of {num_translations} translations, received "
                f"{len(part)}{which}."
            )
    if not num_translations:
        raise UserError("references: expected at least one translation to evaluate, received none.")
    return sets


def translation_scores(hypotheses, references, metrics=METRICS, tokenize="13a", lowercase=False):
    """Measures the translations of a whole set.

    Args:
        hypotheses: The translations, a list of strings.
        references: A string for each of them; or a list of several such lists.
        metrics: Any of `bleu`, `chrf` and `ter`.
        tokenize: BLEU's tokenization, by sacrebleu's name: `13a`, `intl`, `zh`, `char`, `none`, ...
        lowercase: Whether case is ignored by BLEU and chrF; TER ignores it always, as sacrebleu's
            default does.

    Returns:
        A `TranslationScores`.

    Raises:
        UserError: If there are not as many references as translations, or none; for an unknown
            metric or tokenization; or if sacrebleu, or what it needs for the tokenization, is not
            installed.
    """
    check_metrics(metrics, tokenize, lowercase)
    sets = check_references(len(hypotheses), references)
    scores = TranslationScores(
        num_pairs=len(hypotheses),
        num_references=len(sets),
        exact_match=100.0 * sum(map(_equals_any, hypotheses, zip(*sets))) / len(hypotheses),
    )
    for name in metrics:
        metric = _metric(name, tokenize, lowercase)
        found = metric.corpus_score(list(hypotheses), sets)
        setattr(scores, name, float(found.score))
        scores.signatures[name] = str(metric.get_signature())
        if name == "bleu":
            scores.bleu_precisions = [float(value) for value in found.precisions]
            scores.brevity_penalty = float(found.bp)
            scores.hypothesis_length = int(found.sys_len)
            scores.reference_length = int(found.ref_len)
    return scores


def check_metrics(metrics, tokenize="13a", lowercase=False):
    """Raises a `UserError` if `translation_scores` cannot measure so."""
    for name in metrics:
        if name not in METRICS:
            raise unknown_name("metrics", name, METRICS)
        _metric(name, tokenize, lowercase)


def bleu_counts(hypotheses, references):
    """Counts what BLEU is computed from; the counts of parts add up to those of the whole.

    Args:
        hypotheses: Translations, a list of strings; it may be empty.
        references: A string for each translation; or a list of several such lists.

    Returns:
        int64 `(10,)`: matched n-grams of the translations for n from 1 to 4; all their n-grams for
        n from 1 to 4; tokens of the translations; tokens of the references.
    """
    metric = _metric("bleu")
    if not hypotheses:
        return np.zeros(2 * ORDER + 2, np.int64)
    sets = check_references(len(hypotheses), references)
    found = metric.corpus_score(list(hypotheses), sets)
    return np.array([*found.counts, *found.totals, found.sys_len, found.ref_len], np.int64)


def bleu_of_counts(counts):
    """Returns the BLEU, 0 to 100, that sacrebleu computes from (sums of) `bleu_counts`."""
    counts = np.rint(counts).astype(np.int64).tolist()
    bleu = require_sacrebleu().BLEU.compute_bleu(
        correct=counts[:ORDER],
        total=counts[ORDER : 2 * ORDER],
        sys_len=counts[-2],
        ref_len=counts[-1],
        smooth_method="exp",  # the default of corpus BLEU, though not of this function
    )
    return float(bleu.score)


def _metric(name, tokenize="13a", lowercase=False):
    """One of sacrebleu's metrics, as `sacrebleu` on the command line has it."""
    metrics = require_sacrebleu()
    if name == "chrf":
        return metrics.CHRF(lowercase=lowercase)
    if name == "ter":
        return metrics.TER()
    if tokenize not in metrics.BLEU.TOKENIZERS:
        raise unknown_name("tokenize", tokenize, metrics.BLEU.TOKENIZERS)
    try:
        # Text that looks tokenized is the user's to judge: here it is what the model was taught.
        return metrics.BLEU(tokenize=tokenize, lowercase=lowercase, force=True)
    except (ImportError, OSError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise UserError(
            f"tokenize: sacrebleu does not support {tokenize!r} here ({reason:.160}); choose "
            "another."
        ) from None


def _equals_any(hypothesis, references):
    return hypothesis.strip() in [reference.strip() for reference in references]
