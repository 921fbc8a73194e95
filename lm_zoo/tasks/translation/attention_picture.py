"""A picture of attention: what each target token looks at in its source."""

import io

from lm_zoo.errors import UserError


def require_matplotlib(field):
    """Raises a `UserError` that says how to get it, where matplotlib is missing.

    Args:
        field: The config field or flag that needs it.
    """
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise UserError(
            f"{field}: drawing attention needs matplotlib; install it with: pip install "
            '"lm_zoo[translation]".'
        ) from None


def attention_picture(weights, source_tokens, target_tokens):
    """Draws attention weights as a map, darker for more.

    Args:
        weights: Shape `(target tokens, source tokens)`; rows sum to 1.
        source_tokens: The sources' tokens as text, the columns' labels.
        target_tokens: The target's tokens as text, the rows' labels.

    Returns:
        A PNG file, bytes.
    """
    from matplotlib.figure import Figure  # no pyplot: it would keep every figure

    figure = Figure(
        figsize=(1.6 + 0.32 * len(source_tokens), 1.4 + 0.26 * len(target_tokens)),
        dpi=100,
        layout="constrained",
    )
    axes = figure.subplots()
    axes.imshow(weights, cmap="Blues", vmin=0.0, vmax=1.0, aspect="auto")
    # Dollar signs would begin a formula.
    axes.set_xticks(range(len(source_tokens)), _literal(source_tokens), rotation=60, ha="right")
    axes.set_yticks(range(len(target_tokens)), _literal(target_tokens))
    axes.set_xlabel("source")
    axes.set_ylabel("target")
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()


def _literal(tokens):
    return [token.replace("$", r"\$") for token in tokens]
