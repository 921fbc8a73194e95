"""What each cleaning step did: counts, reasons, and a small sample to look at."""

import hashlib

from lm_zoo.data.corpora.corpus import SPLITS
from lm_zoo.text.cleaning import Drop

EXCERPT = 300  # characters of a text that is shown
COUNTS = (
    "documents_in",
    "documents_changed",
    "documents_dropped",
    "characters_in",
    "characters_changed",  # by how many characters documents that stay became shorter
    "characters_dropped",
)


class StepCounts:
    """Counts what a step does to the documents of one block.

    Args:
        split: The block's.
        sample: How many changed and how many dropped documents are kept to look at. They are those
            whose texts have the least hashes: a fair choice that does not depend on the order.
    """

    def __init__(self, split, sample):
        self.split = split
        self.sample = sample
        self.counts = dict.fromkeys(COUNTS, 0)
        self.reasons = {}
        self.samples = {"changed": [], "dropped": []}

    def add(self, number, text, result):
        """Counts one document: its text, and the step's text or `Drop`."""
        counts = self.counts
        counts["documents_in"] += 1
        counts["characters_in"] += len(text)
        if isinstance(result, Drop):
            counts["documents_dropped"] += 1
            counts["characters_dropped"] += len(text)
            self.reasons[result.reason] = self.reasons.get(result.reason, 0) + 1
            self._keep("dropped", number, text, lambda: _dropped(text, result))
        elif result != text:
            counts["documents_changed"] += 1
            counts["characters_changed"] += len(text) - len(result)
            self._keep("changed", number, text, lambda: _changed(text, result))

    def to_dict(self):
        return {
            "split": self.split,
            "counts": self.counts,
            "reasons": self.reasons,
            "samples": self.samples,
        }

    def _keep(self, kind, number, text, describe):
        if not self.sample:
            return
        data = text.encode("utf-8", "surrogatepass")
        order = hashlib.blake2b(data, digest_size=8).hexdigest()
        kept = self.samples[kind]
        if len(kept) == self.sample and order >= kept[-1]["order"]:
            return
        kept.append({"order": order, "split": self.split, "document": number + 1, **describe()})
        _least(kept, self.sample)


def merged_report(settings_of, blocks, sample, has_documents, fields=()):
    """Merges the counts of blocks.

    Args:
        settings_of: Step -> its settings; the steps in order.
        blocks: Iterator of dictionaries, step -> `StepCounts.to_dict()`.
        sample: How many changed and how many dropped documents are kept as examples.
        has_documents: Whether there are documents; a stream counts as one.
        fields: Names of the fields of the records of which documents are made, if they have several.

    Returns:
        A JSON-ready dictionary.
    """
    steps = {
        name: {
            "name": name,
            "settings": settings,
            "splits": {split: dict.fromkeys(COUNTS, 0) for split in SPLITS},
            "reasons": {},
            "dropped": [],
            "changed": [],
        }
        for name, settings in settings_of.items()
    }
    for block in blocks:
        for name, values in block.items():
            step = steps[name]
            total = step["splits"][values["split"]]
            for key, value in values["counts"].items():
                together = total[key] + value
                parts = not has_documents and key.startswith("documents")
                total[key] = min(1, together) if parts else together
            for reason, count in values["reasons"].items():
                step["reasons"][reason] = step["reasons"].get(reason, 0) + count
            for kind, found in values["samples"].items():
                step[kind] += found
                _least(step[kind], sample)
    for step in steps.values():
        step["reasons"] = dict(sorted(step["reasons"].items()))
        for found in (*step["dropped"], *step["changed"]):
            del found["order"]
    report = {"has_documents": has_documents, "steps": list(steps.values())}
    return report | ({"fields": list(fields)} if len(fields) > 1 else {})


def unit_of(report):
    """Returns what is counted in a report: "documents" or "records"."""
    return "records" if "fields" in report else "documents"


def report_table(report, samples=False):
    """Returns a report as lines of text: a row a step and split that had any text.

    Args:
        report: Of a `CleanedCorpus`.
        samples: Whether reasons and samples follow.
    """
    unit = unit_of(report)
    header = ("step", "split", unit, "changed", "dropped", "characters", "removed", "")
    rows = [header]
    for step in report["steps"]:
        for split, counts in step["splits"].items():
            if not counts["documents_in"]:
                continue
            removed = counts["characters_changed"] + counts["characters_dropped"]
            rows.append(
                (
                    step["name"],
                    split,
                    f"{counts['documents_in']:,}",
                    f"{counts['documents_changed']:,}",
                    f"{counts['documents_dropped']:,}",
                    f"{counts['characters_in']:,}",
                    f"{removed:,}",
                    f"{removed / max(1, counts['characters_in']):.2%}",
                )
            )
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = [
        "  ".join(
            cell.ljust(width) if place < 2 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths))
        ).rstrip()
        for row in rows
    ]
    return "\n".join(lines + (_sample_lines(report) if samples else []))


def _sample_lines(report):
    lines = []
    for step in report["steps"]:
        for reason, count in step["reasons"].items():
            lines.append(f"{step['name']} dropped {count:,}: {reason}")
        for found in step["dropped"]:
            where = f"{found['split']} {found['document']:,}"
            why = f"{found['reason']}: {found['detail']}" if found["detail"] else found["reason"]
            lines.append(f"  {where} ({why}): {found['text']!r}")
        for found in step["changed"]:
            where = f"{found['split']} {found['document']:,}"
            lines.append(f"  {where}: {found['before']!r} became {found['after']!r}")
    return [""] + lines if lines else []


def _least(samples, count):
    samples.sort(key=lambda found: (found["order"], found["split"], found["document"]))
    del samples[count:]


def _dropped(text, drop):
    return {"reason": drop.reason, "detail": drop.detail, "text": _excerpt(text, 0)}


def _changed(before, after):
    """Shows both from a little before the first place where they differ."""
    place = _first_difference(before, after)
    begin = max(0, place - EXCERPT // 4)
    return {"before": _excerpt(before, begin), "after": _excerpt(after, begin)}


def _first_difference(one, other):
    low, high = 0, min(len(one), len(other))
    while low < high:  # the longest common beginning
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _excerpt(text, begin):
    part = text[begin : begin + EXCERPT]
    shown = ("\u2026" if begin else "") + part + ("\u2026" if begin + EXCERPT < len(text) else "")
    return shown.encode("utf-8", "replace").decode("utf-8")  # a lone surrogate is not JSON
