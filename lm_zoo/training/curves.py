"""How what TensorBoard shows is named, so that it opens on what one came for.

TensorBoard groups tags by what stands before the first slash, sorts the groups by their names and
opens the first two. `/`, `_` and digits come before all other characters there; in the HPARAMS tab,
which shows the metrics that come first, in the order of ASCII, `.` does.

    metrics                 what the task shows first (loss and perplexity), of both splits
    metrics_other           its other figures: bits per byte, BLEU, ...
    metrics_over_time       the first ones by milliseconds of training, and by tokens seen
    metrics_over_tokens
    metrics.best            all validation figures of the best checkpoint so far
    optimizer, progress, samples, settings, system
    weights, weights_gradient, weights_update_ratio   with `training.histogram_interval`
"""

from lm_zoo.training.event_files import truncate
from lm_zoo.training.summaries import AXES, RunSummaries

LOSS = "metrics/loss"


class Curves:
    """Writes what TensorBoard shows of a run.

    Args:
        directory: The run's folder.
        after: The `Place` that the run goes on from, as for `go_on_from`.
        shown: The task's figures that come first.
        counted: What is counted as seen: `tokens` or `examples`.
    """

    def __init__(self, directory, after, shown, counted):
        self.summaries = RunSummaries(directory, after)
        self.shown = shown
        self._over = {"time": "metrics_over_time", "": f"metrics_over_{counted}"}
        self.flush, self.close = self.summaries.flush, self.summaries.close
        self.finish = self.summaries.finish

    def begin(self, place, hyperparameters, settings):
        """Describes the run.

        Args:
            place: The `Place` where it begins.
            hyperparameters: Name -> number, string or bool, for the HPARAMS tab.
            settings: Field of the config -> value, for a table.
        """
        rows = "\n".join(f"| {name} | `{value}` |" for name, value in settings.items())
        table = f"| field | value |\n|---|---|\n{rows}\n\nAll others are defaults: `config.json`."
        self.summaries.hparams(place, hyperparameters)
        self.summaries.texts("", place, {"settings": table})

    def training(self, place, figures, **groups):
        """Adds a point to the training curves.

        Args:
            place: Its `Place`.
            figures: Tag -> number, the task's.
            **groups: Name of a group -> tag -> number.
        """
        self._figures("train", place, figures, **groups)

    def validation(self, place, figures, is_best):
        """Adds a point to the validation curves.

        Args:
            place: Its `Place`.
            figures: Tag -> number.
            is_best: Whether it is the best one so far.
        """
        self._figures("validation", place, figures)
        if is_best:
            self.summaries.scalars("", place, _tagged({"metrics.best": figures}))

    def samples(self, place, seen):
        """Shows the texts, tables and pictures of a task's `ValidationSummaries`."""
        texts = {name: _as_markdown(text) for name, text in seen.texts.items()}
        self.summaries.texts("validation", place, _tagged({"samples": texts | {**seen.tables}}))
        self.summaries.images("validation", place, _tagged({"samples": seen.images}))

    def histograms(self, place, histograms, ratios):
        """Shows weights and gradients.

        Args:
            place: The `Place` of the step that was made last.
            histograms: Name of a group -> path of a variable -> array.
            ratios: Path of a variable -> norm of its update over its own.
        """
        self.summaries.histograms("train", place, _tagged(histograms))
        self.summaries.scalars("train", place, _tagged({"weights_update_ratio": ratios}))

    def _figures(self, split, place, figures, **groups):
        first = {tag: figures[tag] for tag in self.shown if tag in figures}
        other = {tag: value for tag, value in figures.items() if tag not in first}
        groups = {"metrics": first, "metrics_other": other, **groups}
        self.summaries.scalars(split, place, _tagged(groups))
        for folder, group in self._over.items():
            named = {f"{tag}_{split}": value for tag, value in first.items()}
            self.summaries.scalars(folder, place, _tagged({group: named}))


def go_on_from(directory, place):
    """Removes what TensorBoard shows of a run after a `Place`; `NOWHERE` removes everything.

    Returns:
        Split -> the steps that its curve of the loss has, a set.
    """
    last = {name: getattr(place, axis) for name, axis in AXES.items()}
    return truncate(directory, last, LOSS)


def _tagged(groups):
    return {
        f"{group}/{tag}": value for group, tags in groups.items() for tag, value in tags.items()
    }


def _as_markdown(text):
    """Generated text as an indented block, so that nothing in it is taken for markup."""
    return "\n".join("    " + line for line in text.split("\n"))
