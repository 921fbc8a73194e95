"""One split measured once."""

from lm_zoo.evaluation.perplexity import Evaluator


def evaluate_split(
    model,
    tokenizer,
    split,
    batch_size=8,
    sequence_length=128,
    stride=0,
    context_rule="auto",
    within_documents=False,
):
    """Returns the `Ledger`; see `Evaluator` for the arguments."""
    evaluator = Evaluator(
        model, tokenizer, batch_size, sequence_length, stride, context_rule, within_documents
    )
    return evaluator.evaluate(split)
