"""What inspection counts is what can be counted by hand; bounds on memory keep figures right."""

import collections
import dataclasses
import html.parser
import json
import re
import xml.etree.ElementTree

import numpy as np
import pytest

from lm_zoo.config import ExperimentConfig
from lm_zoo.data.batching.batches import ContiguousBatches
from lm_zoo.data.batching.packed_batches import PackedBatches
from lm_zoo.data.corpora.corpus import Corpus, TextCorpus
from lm_zoo.data.examples import Examples
from lm_zoo.data.tokens.token_files import TokenDataset, TokenSplit
from lm_zoo.inspection.duplicates import Digests, describe_duplicates, digest_splits
from lm_zoo.inspection.page import as_page
from lm_zoo.inspection.preview import (
    interlinear,
    padded,
    preview_batch,
    preview_examples,
)
from lm_zoo.inspection.report import inspect
from lm_zoo.inspection.statistics import (
    describe_lengths,
    describe_tokens,
    spread,
    token_counts,
)
from lm_zoo.inspection.terminal import as_text
from lm_zoo.inspection.unknown import unknown_words
from lm_zoo.plots import bar_plot, line_plot
from lm_zoo.text.tokenizers import TOKENIZERS
from tests.small import example_split, language_modeling

TEXTS = {
    "train": [
        "the cat sat",
        "a <script>dog</script> & co",
        "the cat sat",
        "春眠不覺曉\n處處聞啼鳥",
    ],
    "validation": ["the cat sat", "new here"],
    "test": ["春眠不覺曉\n處處聞啼鳥"],
}


@dataclasses.dataclass
class Documents(Corpus):
    """A corpus of documents in memory."""

    documents: dict
    name: str = "small"
    source: str = "here"
    licence: str = "none"
    has_documents = True

    def texts(self, split):
        return iter(self.documents[split])


def documents(texts=TEXTS, name="word"):
    """Returns corpus, tokenizer and token dataset."""
    tokenizer = TOKENIZERS[name].train([text + "\n" for text in texts["train"]])
    splits = {}
    for split, rows in texts.items():
        ids, starts = [tokenizer.end_id], [0]
        for text in rows:
            ids += [*tokenizer.encode(text), tokenizer.end_id]
            starts.append(len(ids) - 1)
        ids = np.array(ids, np.int32)
        splits[split] = TokenSplit(
            split,
            (ids,),
            num_bytes=sum(len(text.encode()) + 1 for text in rows),
            num_words=sum(len(text.split()) + 1 for text in rows),
            num_unknown=int((ids == tokenizer.unk_id).sum()),
            document_starts=np.array(starts, np.int64),
        )
    return Documents(texts), tokenizer, TokenDataset(None, {}, splits)


def draw_split(num_tokens, vocab_size=50):
    tokens = np.random.default_rng(0).zipf(1.4, num_tokens).clip(max=vocab_size) - 1
    return TokenSplit("train", tuple(np.array_split(tokens.astype(np.uint16), 3)))


def test_tokens_are_counted_whole_or_by_an_even_sample():
    split = draw_split(10_000)
    expected = np.bincount(split.tokens, minlength=60)
    counts, looked_at = token_counts(split, 60, piece=999)
    np.testing.assert_array_equal(counts, expected)
    assert looked_at == 10_000
    sampled, looked_at = token_counts(split, 60, most_tokens=2_000, piece=100)
    assert looked_at == sampled.sum() == 2_000
    np.testing.assert_allclose(sampled / 2_000, expected / 10_000, atol=0.03)


def test_the_vocabulary_is_described_by_what_occurs():
    tokenizer = TOKENIZERS["character"].train(["abcde"])
    counts = np.zeros(tokenizer.vocab_size, np.int64)
    a, b, c = tokenizer.encode("abc")
    counts[[a, b, c]] = 80, 19, 1
    found = describe_tokens(counts, tokenizer)
    assert (found["used"], found["unused"]) == (3, len(counts) - 3)
    assert found["once"] == 1 and found["share_used"] == 3 / len(counts)
    covering = {row["share"]: row["tokens"] for row in found["covering"]}
    assert covering == {0.5: 1, 0.8: 1, 0.9: 2, 0.95: 2, 0.99: 2, 1.0: 3}
    assert [t["text"] for t in found["frequent"]] == ["a", "b", "c"]
    assert found["zipf"] == [[1, 80], [2, 19], [3, 1]]
    np.testing.assert_allclose(found["coverage"], [[1, 0.8], [2, 0.99], [3, 1.0]])
    assert {"d", "e"} <= {t["text"] for t in found["unused_examples"]}
    nothing = describe_tokens(0 * counts, tokenizer)
    assert nothing["used"] == 0 and nothing["zipf"] == [] and nothing["covering"] == []


@pytest.mark.parametrize("count", [1, 2, 100, 50_000])
def test_ranks_are_spread_from_first_to_last(count):
    ranks = spread(count)
    assert ranks[0] == 1 and ranks[-1] == count and len(ranks) <= 120
    assert np.all(np.diff(ranks) > 0)


@pytest.mark.parametrize("largest", [1, 5, 40, 3000])
def test_lengths_are_described_as_numpy_does(largest):
    lengths = np.random.default_rng(1).integers(1, largest + 1, 500)
    found = describe_lengths(*np.unique(lengths, return_counts=True), "tokens")
    assert found["texts"] == 500 and found["mean"] == pytest.approx(lengths.mean())
    for share in (5, 25, 50, 75, 95, 99):
        expected = np.percentile(lengths, share, method="inverted_cdf")
        assert found[f"p{share}"] == expected, share
    assert (found["least"], found["most"]) == (lengths.min(), lengths.max())
    for first, last, texts in found["histogram"]:
        assert texts == np.count_nonzero((first <= lengths) & (lengths <= last))
    assert sum(texts for *_, texts in found["histogram"]) == 500
    assert describe_lengths([], [], "tokens") is None


def digests_of(corpus, **arguments):
    digests = Digests(**arguments)
    for split in ("train", "validation", "test"):
        for text in corpus.texts(split):
            digests.add(split, text)
    return digests


def inspect_text(corpus, tokenizer, tokens, batches=None, **arguments):
    """The report of a corpus with the field `text`."""
    task = language_modeling(ExperimentConfig(), tokenizer)
    return inspect(task, corpus, Examples({"text": tokens}), batches, **arguments)


def preview_documents(split, tokenizer, count, **arguments):
    """What is shown of the field `text` of examples."""
    examples = preview_examples(example_split(text=split), {"text": tokenizer}, count, **arguments)
    return [example["fields"]["text"] for example in examples]


def test_duplicates_are_found_within_and_across_splits():
    corpus = Documents(TEXTS)
    found = describe_duplicates(corpus, digests_of(corpus), "train", "documents")
    assert found == describe_duplicates(corpus, digest_splits(corpus), "train", "documents")
    assert found["unit"] == "documents" and found["share_looked_at"] == 1
    within = {row["split"]: (row["texts"], row["repeats"]) for row in found["within"]}
    assert within == {"train": (4, 1), "validation": (2, 0), "test": (1, 0)}
    across = {(row["split"], row["also_in"]): row["shared"] for row in found["across"]}
    assert across[("validation", "train")] == across[("test", "train")] == 1
    assert across[("test", "validation")] == 0
    assert found["repeated"] == [{"count": 2, "text": "the cat sat"}]


def test_a_bound_on_memory_leaves_the_shares_of_duplicates_right():
    rng = np.random.default_rng(0)
    train = [f"document {n}" for n in rng.integers(0, 40_000, 40_000)]
    held_out = [f"document {n}" for n in rng.integers(0, 80_000, 20_000)]
    corpus = Documents({"train": train, "validation": held_out, "test": []})
    exact = describe_duplicates(corpus, digests_of(corpus), "train", "documents")
    digests = digests_of(corpus, most=9_000)
    assert sum(len(digests.of(split)) for split in TEXTS) <= 9_000
    bounded = describe_duplicates(corpus, digests, "train", "documents")
    assert bounded["share_looked_at"] in (1 / 8, 1 / 16)
    repeats = len(train) - len(set(train))
    assert exact["within"][0]["repeats"] == repeats
    assert exact["across"][0]["shared"] == sum(
        map(collections.Counter(train).__contains__, held_out)
    )
    for name in ("within", "across"):
        for a, b in zip(exact[name], bounded[name]):
            assert b["share"] == pytest.approx(a["share"], abs=0.03)
    assert bounded["within"][0]["repeats"] == pytest.approx(repeats, rel=0.1)


def test_lines_of_a_stream_are_its_units():
    splits = {"train": "one\n\n two \none\n", "validation": "two\n", "test": "one"}
    corpus = TextCorpus("stream", splits, "", "")
    tokenizer = TOKENIZERS["character"].train([splits["train"]])
    tokens = {k: TokenSplit(k, (tokenizer.encode(v),), len(v)) for k, v in splits.items()}
    report = inspect_text(corpus, tokenizer, TokenDataset(None, {}, tokens))
    assert list(report["duplicates"]) == ["records"]
    duplicates, lengths = report["duplicates"]["records"], report["fields"]["text"]["lengths"]
    assert duplicates["unit"] == "lines" and report["examples"]["count"] is None
    assert duplicates["within"][0]["texts"] == 3
    assert duplicates["within"][0]["repeats"] == 1
    assert duplicates["across"][1]["shared"] == 1
    assert lengths["texts"] == 3 and lengths["most"] == 5
    assert lengths["unit"] == "characters of a non-blank line"


def test_excerpts_of_a_stream_are_spread_evenly():
    tokenizer = TOKENIZERS["character"].train(["abcdefghij"])
    split = TokenSplit("train", (tokenizer.encode("abcdefghij"),))
    found = preview_documents(split, tokenizer, 2, most_tokens=3)
    assert [(text["start"], text["tokens"]) for text in found] == [(0, 3), (5, 3)]
    assert ["".join(t["text"] for t in text["shown"]) for text in found] == ["abc", "fgh"]
    example = preview_examples(example_split(text=split), {"text": tokenizer}, 1)[0]
    assert example["kind"] == "excerpt"


def test_unknown_words_are_named_where_they_can_be_known():
    texts = {"train": ["x known zebra zebra", "known yak"]}
    words = TOKENIZERS["word"].train(["known known\n"])
    found = unknown_words(Documents(texts), "train", words)
    assert [(w["text"], w["count"]) for w in found["words"]] == [("zebra", 2), ("x", 1), ("yak", 1)]
    characters = TOKENIZERS["character"].train(["knowxz "])
    found = unknown_words(Documents(texts), "train", characters)
    assert {w["text"]: w["count"] for w in found["words"]} == {
        "e": 2,
        "b": 2,
        "r": 2,
        "a": 3,
        "y": 1,
    }
    assert unknown_words(Documents(texts), "train", words, most_characters=3)["characters"] == 19


def test_documents_are_shown_to_their_ends():
    _, tokenizer, tokens = documents()
    first, second = preview_documents(tokens.split("train"), tokenizer, 2)
    end = tokenizer.token_text(tokenizer.end_id)
    assert [t["text"] for t in first["shown"]] == ["the", "cat", "sat", end]
    assert (first["start"], first["tokens"]) == (1, 4)
    assert (second["start"], second["tokens"]) == (5, 5)
    assert len(second["shown"]) == 5 and second["shown"][-1]["text"] == end
    short = preview_documents(tokens.split("train"), tokenizer, 1, most_tokens=2)[0]
    assert len(short["shown"]) == 2 and short["tokens"] == 4
    assert len(preview_documents(tokens.split("test"), tokenizer, 9)) == 1


def test_a_batch_is_shown_with_segments_targets_and_padding():
    _, tokenizer, tokens = documents()
    batches = PackedBatches(tokens.split("train"), 1, 10)
    preprocessors = {"text": tokenizer}
    seen = [preview_batch(batches, step, preprocessors) for step in range(batches.num_examples)]
    counted = sum(batch["fields"]["text"]["tokens"] for batch in seen)
    assert counted == tokens.split("train").num_tokens - 1
    for step, found in enumerate(seen):
        batch, row, text = batches.batch(step), found["shown"][0]["text"], found["fields"]["text"]
        assert (found["step"], found["rows"], text["length"]) == (step, 1, 10)
        assert text["tokens"] + text["padding"] == 10
        begins = np.flatnonzero(batch.features["document_starts"][0]).tolist()
        assert text["documents"] == len(begins)
        assert [first for first, _ in row["segments"]] == begins
        assert row["segments"][-1][1] == text["tokens"] - 1
        for place, token in enumerate(row["places"]):
            assert token["weight"] == batch.features["weights"][0, place]
            assert (token["id"], token["target"]) == (
                batch.features["token_ids"][0, place],
                batch.features["targets"][0, place],
            )
            expected = sum(first <= place for first in begins) - 1 if token["weight"] else None
            assert token["segment"] == expected
            assert token["text"] == (tokenizer.token_text(token["id"]) if token["weight"] else "")
    plain = preview_batch(PackedBatches(tokens.split("train"), 1, 10, True), 0, preprocessors)
    assert plain["fields"]["text"]["documents"] is None
    last = plain["fields"]["text"]["tokens"] - 1
    assert plain["shown"][0]["text"]["segments"] == [[0, last]]


def test_a_batch_says_whether_state_is_carried_on():
    tokenizer = TOKENIZERS["character"].train(["ab"])
    split = TokenSplit("train", (np.zeros(18, np.int32),))
    contiguous = ContiguousBatches(split, 2, 4)
    found = [preview_batch(contiguous, step, {"text": tokenizer})["reset"] for step in range(4)]
    assert found == [True, False, False, True]
    _, tokenizer, tokens = documents()
    packed = PackedBatches(tokens.split("train"), 1, 10)
    assert preview_batch(packed, 0, {"text": tokenizer})["reset"] is None


def test_columns_line_up_under_wide_characters():
    lines = interlinear({"text": ["a", "春眠", "bcd", "e"], "id": ["1", "22", "3", "44444"]}, 26)
    assert lines == [
        "    text  a  春眠  bcd",
        "    id    1    22    3",
        "",
        "    text      e",
        "    id    44444",
    ]
    padded_to_four = [padded(t, 4, "r") for t in ("abc", "春", "e\u0301", "🙂")]
    assert padded_to_four == [" abc", "  春", "   e\u0301", "  🙂"], "columns of a terminal"


def make_report():
    corpus, tokenizer, tokens = documents()
    batches = PackedBatches(tokens.split("train"), 1, 10)
    return inspect_text(corpus, tokenizer, tokens, batches)


class Page(html.parser.HTMLParser):
    """Checks that elements close in order, and collects what a browser would fetch or run."""

    VOID = ("meta", "br", "link", "img", "input", "hr")

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.addresses, self.ids = [], collections.Counter(), [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags[tag] += 1
        attributes = dict(attributes)
        self.addresses += [v for k, v in attributes.items() if k in ("src", "href", "xlink:href")]
        self.ids += [attributes["id"]] if "id" in attributes else []
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags[tag] += 1

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_whole_by_itself_and_has_a_text_for_every_plot():
    text = as_page(make_report())
    page = Page(text)
    assert page.addresses == ["data:,"] and "url(" not in text and "@import" not in text
    assert not page.tags["script"] and "<script>dog" not in text
    assert "&lt;script&gt;dog" in text  # the data's own text, as text
    assert page.tags["svg"] == page.tags["figure"] == page.tags["details"] == 4
    assert page.tags["h1"] == page.tags["title"] - page.tags["svg"] - bars_in(text) == 1
    assert page.tags["caption"] == page.tags["table"]
    assert len(set(page.ids)) == len(page.ids)
    assert "prefers-color-scheme: dark" in text and len(text) < 100_000


def bars_in(text):
    return text.count("<rect")


def test_every_plot_is_well_formed_and_labelled():
    for plot in re.findall(r"<svg.*?</svg>", as_page(make_report()), re.DOTALL):
        svg = xml.etree.ElementTree.fromstring(plot)
        assert svg.get("role") == "img"
        names = svg.get("aria-labelledby").split()
        labels = [e for e in svg if e.get("id") in names]
        assert len(labels) == 2 and all(len(e.text) > 20 for e in labels)


def test_plots_put_values_where_they_belong():
    bars = xml.etree.ElementTree.fromstring(
        bar_plot("n", "t", "d", [("a", 10), ("b", 5), ("c", 0)], "x", "y")
    )
    heights = [float(bar.get("height")) for bar in bars.iter("rect")]
    assert heights[0] == pytest.approx(2 * heights[1], rel=0.01) and heights[2] == 0
    curve = xml.etree.ElementTree.fromstring(
        line_plot("n", "t", "d", [(1, 1000), (10, 100), (1000, 1)], "x", "y", log_y=True)
    )
    points = next(curve.iter("polyline")).get("points").split()
    (x1, y1), (x2, y2), (x3, y3) = (map(float, point.split(",")) for point in points)
    assert (x2 - x1) * 2 == pytest.approx(x3 - x2, abs=0.3)  # one decade, then two
    assert (y2 - y1) * 2 == pytest.approx(y3 - y2, abs=0.3)
    assert line_plot("n", "t", "d", [(1, 1.0)], "x", "y").count("<circle") == 1
    assert bar_plot("n", "t", "d", [], "x", "y").endswith("</svg>")


def test_the_report_is_json_and_text_says_the_same():
    report = make_report()
    assert json.loads(json.dumps(report)) == report
    text = as_text(report)
    assert "examples         4" in text and "text, from token 1 on (4 tokens)" in text
    assert "Example 0:" in text and "none sees another" in text and "the cat sat" in text
    assert "2 examples in 2 batches, 17 tokens" in text and "1 rows of 10 tokens, packed" in text
    assert list(report) == [
        *("corpus", "task", "split", "fields", "examples", "batches", "epoch", "duplicates"),
        "sections",
    ]
    assert report["sections"] == [] and report["task"] == "language_modeling"
    report["fields"]["text"]["tokens_looked_at"] -= 1
    report["duplicates"]["records"]["share_looked_at"] = 0.25
    assert "even sample" in as_text(report) and "estimated from 25.0000%" in as_page(report)
