"""The training curves of tasks that predict the tokens of a text."""

from lm_zoo.figures import bits_per_byte, perplexity


def text_curves(totals, text, is_smoothed):
    """Returns tag -> number: loss, perplexity, and bits per byte or their lower bound.

    Args:
        totals: Name -> its sum over all rows; `nll` (in nats) and `tokens` are among them.
        text: The predicted `TokenSplit`.
        is_smoothed: Whether the objective differs from the loss.
    """
    loss = totals["nll"] / totals["tokens"]
    points = {"loss": loss, "perplexity": perplexity(min(loss, 700.0))}
    if is_smoothed:
        points["smoothed_loss"] = totals["objective"] / totals["tokens"]
    per_byte = bits_per_byte(loss, text.num_bytes / max(1, text.num_tokens))
    if per_byte is not None:
        hides_text = text.num_unknown or text.bytes_lost
        points["bits_per_byte_lower_bound" if hides_text else "bits_per_byte"] = per_byte
    return points
