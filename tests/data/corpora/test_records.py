"""Files of records: what is read from them, compared with the libraries that wrote them."""

import csv
import io
import json
import sys

import pytest

from lm_zoo.data.corpora.readers import decoding, json_records
from lm_zoo.errors import UserError

TEXTS = ["one", "two\nlines", 'with "quotes", commas', "中文 é 🙂", "\ttab", "x" * 5000]


def one_line(error):
    assert "\n" not in str(error.value)
    return str(error.value)


def as_csv(rows, **options):
    file = io.StringIO(newline="")
    csv.writer(file, **options).writerows(rows)
    return file.getvalue()


@pytest.mark.parametrize("block", [1, 1000, 1 << 20])
def test_each_format_gives_the_texts_that_were_written(folder, monkeypatch, block):
    monkeypatch.setattr(decoding, "BLOCK_BYTES", block)
    monkeypatch.setattr(json_records, "FIRST_READ", 8)
    rows = [{"id": n, "text": text} for n, text in enumerate(TEXTS)]
    folder.write("a.jsonl", "\n".join(json.dumps(row) for row in rows))
    folder.write("b.ndjson", "".join(json.dumps(row, ensure_ascii=False) + "\r\n" for row in rows))
    folder.write("c.json", json.dumps(rows, indent=2))
    folder.write("d.json", json.dumps(rows, ensure_ascii=False, separators=(",", ":")) + "\n")
    folder.write("e.json", "".join(json.dumps(row) + "\n" for row in rows))
    folder.write("f.csv", as_csv([("id", "text"), *((r["id"], r["text"]) for r in rows)]))
    for name in ("a.jsonl", "b.ndjson", "c.json", "d.json", "e.json", "f.csv"):
        corpus = folder.corpus(name, text_field="text")
        assert corpus.has_documents
        assert list(corpus.texts("train")) == TEXTS, name
    without_breaks = [text for text in TEXTS if "\n" not in text and "\t" not in text]
    folder.write("g.tsv", "".join(f"{n}\t{t}\n" for n, t in enumerate(["text", *without_breaks])))
    assert folder.texts("g.tsv", text_field="text") == without_breaks


def test_parquet_gives_the_texts_that_were_written(folder):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")

    texts = [f"row {n} 中文" for n in range(1000)]
    table = pyarrow.table(
        {
            "text": texts,
            "in": [{"side": [text, "second"]} for text in texts],
            "dotted.name": texts,
            "id": range(1000),
        }
    )
    parquet.write_table(table, folder.path / "a.parquet", row_group_size=300)
    assert folder.texts("a.parquet", text_field="text") == texts
    assert folder.texts("a.parquet", text_field="dotted.name") == texts
    both = folder.texts("a.parquet", text_field="in.side")
    assert both == [f"{text}\nsecond" for text in texts]
    for field, message in (
        ("txt", "no field 'txt'; it has: dotted.name, id, in, text"),
        (
            "id",
            "row 1: expected text in 'id', received 0",
        ),
    ):
        with pytest.raises(UserError, match=message) as caught:
            folder.texts("a.parquet", text_field=field)
        one_line(caught)
    whole = (folder.path / "a.parquet").read_bytes()
    for cut in (3, len(whole) // 2, len(whole) - 1):
        folder.write("cut.parquet", whole[:cut])
        with pytest.raises(UserError, match="this is not a readable Parquet file") as caught:
            folder.texts("cut.parquet", text_field="text")
        one_line(caught)


def test_without_pyarrow_the_extra_is_named(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    folder.write("a.parquet", "PAR1")
    with pytest.raises(UserError, match=r'pip install "lm_zoo\[parquet\]"'):
        folder.texts("a.parquet", text_field="text")


def test_tang_poems_are_documents(shared_data, folder):
    poems = sorted(shared_data("zh_poetry").glob("*.json"))
    corpus = folder.corpus(shared_data("zh_poetry"), text_field="paragraphs")
    documents = list(corpus.texts("train"))
    written = [
        "\n".join(poem["paragraphs"])
        for path in poems
        for poem in json.loads(path.read_text(encoding="utf-8"))
    ]
    assert documents == [text for text in written if text]
    assert sum(len(text.replace("\n", "")) for text in documents) == 825_568
    assert documents[0].split("\n")[:2] == ["秦川雄帝宅，函谷壯皇居。", "綺殿千尋起，離宮百雉餘。"]


def test_tang_poems_in_chinese_encodings(shared_data, folder):
    poems = json.loads((shared_data("zh_poetry") / "poet.tang.0.json").read_text("utf-8"))
    texts = ["\n".join(poem["paragraphs"]) for poem in poems]
    for encoding in ("gb18030", "big5", "big5hkscs", "utf-16"):
        kept = [t for t in texts if t and t == t.encode(encoding, "ignore").decode(encoding)]
        assert len(kept) > 300, encoding
        lines = "".join(json.dumps({"t": text}, ensure_ascii=False) + "\n" for text in kept)
        folder.write("tang.jsonl", lines.encode(encoding))
        assert folder.texts("tang.jsonl", encoding=encoding, text_field="t") == kept


def test_a_csv_without_names_is_read_by_number(shared_data, folder):
    path = shared_data("stsb") / "stsb-zh-dev.csv"
    texts = folder.texts(path, text_field="1")
    with open(path, encoding="utf-8", newline="") as file:
        assert texts == [row[0] for row in csv.reader(file)]
    assert len(texts) == 1500 and texts[0] == "一个戴着硬帽子的人在跳舞。"


def test_fields_within_fields_and_lists_of_strings(folder):
    row = {"a": {"b": {"c": "deep"}, "list": ["x", "y"]}, "a.b": "dotted", "none": None, "s": " \n"}
    folder.write("a.jsonl", json.dumps(row) + "\n" + json.dumps({**row, "none": "text\n\r\n"}))
    assert folder.texts("a.jsonl", text_field="a.b.c") == ["deep", "deep"]
    assert folder.texts("a.jsonl", text_field="a.list") == ["x\ny", "x\ny"]
    assert folder.texts("a.jsonl", text_field="a.b") == ["dotted", "dotted"]
    assert folder.texts("a.jsonl", text_field="none") == ["text"]
    with pytest.raises(UserError, match="there is no text in '.*a.jsonl'"):
        folder.texts("a.jsonl", text_field="s")


BAD = [
    ("a.jsonl", '{"t": "a"}\n{"u": "b"}', "line 2: there is no field 't'; it has: u"),
    ("a.jsonl", '{"t": "a"}\n\n["t"]', "line 3: there is no field 't'; it has: no fields"),
    ("a.jsonl", '{"t": "a"}\n{"t": "b"', "line 2: not JSON (Expecting ',' delimiter, column 10)"),
    ("a.jsonl", '{"t": 3}', "line 1: expected text in 't', received 3"),
    ("a.jsonl", '{"t": ["a", 1]}', "line 1: expected text in 't', received ['a', 1]"),
    ("a.jsonl", '\n{"t": "\\ud83d"}', "line 2: the text has a lone surrogate (U+D83D)"),
    ("a.jsonl", '{"t":' + "[" * 200_000, "line 1: this JSON cannot be read"),
    ("a.jsonl", b'{"t": "a"}\n{"t": "caf\xe9"}', "UTF-8: byte 0xe9 at offset 21, in line 2"),
    ("a.json", '[{"t": "a"},\n{"t": "b"}\n', "line 3: not JSON (expected ',' or ']'"),
    ("a.json", '[{"t": "a"},\n{"t": "b"}] x', "line 2: not JSON (there is more after the array)"),
    ("a.json", '[{"t": "a"},\n]', "line 2: expected an object in the JSON array"),
    ("a.json", '[\n{"t": "a"},\n\n {"u": 1}]', "line 4: there is no field 't'"),
    ("a.json", "[1, 2]", "line 1: expected an object in the JSON array"),
    ("a.json", '[{"t": "a"}, {"t', "line 1: not JSON (Unterminated string"),
    ("a.json", "text", "line 1: expected a JSON array of objects"),
    ("a.csv", "u,t\n1,a\n2\n", "line 3: expected 2 columns, received 1"),
    ("a.csv", "u,t\n1,a,b\n", "line 2: expected 2 columns, received 3"),
    (
        "a.csv",
        'u,t\n1,"a\nb\n',
        "line 2: not CSV (the quote that opens here is never closed; the file ends in line 3)",
    ),
    ("a.csv", "u,v\n1,a\n", "line 1: there is no field 't'; it has: u, v"),
    ("a.tsv", "u\tt\na\n", "line 2: expected 2 columns, received 1"),
]


@pytest.mark.parametrize("name, content, message", BAD)
def test_a_bad_record_is_named_by_file_and_line(folder, monkeypatch, name, content, message):
    folder.write(name, content)
    for block in (1 << 20, 3):
        monkeypatch.setattr(decoding, "BLOCK_BYTES", block)
        with pytest.raises(UserError) as caught:
            folder.texts(name, text_field="t")
        line = one_line(caught)
        assert line.startswith("corpus.train_files: ") and f"{name}'" in line
        assert message in line


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv"])
def test_without_a_field_the_fields_that_there_are_are_named(folder, name):
    content = {"a.jsonl": '{"x": "a", "y": "b"}', "a.json": '[{"x": 1, "y": 2}]'}
    folder.write(name, content.get(name, "x,y\n1,2\n"))
    with pytest.raises(UserError, match=r"corpus.text_field: .*It has: x, y\.") as caught:
        folder.texts(name)
    one_line(caught)


def test_records_too_long_for_memory_are_refused_by_line(folder, monkeypatch):
    for module in (decoding, json_records):
        monkeypatch.setattr(module, "MAX_LENGTH", 1000)
    monkeypatch.setattr(decoding, "BLOCK_BYTES", 100)
    monkeypatch.setattr(json_records, "FIRST_READ", 16)
    long = "x" * 3000
    folder.write("a.jsonl", f'{{"t": "a"}}\n{{"t": "{long}"}}')
    folder.write("a.json", f'[{{"t": "a"}},\n{{"t": "{long}"}}]')
    folder.write("a.csv", f"t\na\n{long}\n")
    for name in ("a.jsonl", "a.json", "a.csv"):
        with pytest.raises(UserError, match="longer than 0 MiB") as caught:
            folder.texts(name, text_field="t")
        assert f"line {3 if name == 'a.csv' else 2}" in one_line(caught)


def test_a_long_json_array_is_read_in_a_pass_of_little_memory(folder):
    import tracemalloc

    with open(folder.path / "long.json", "w") as file:
        file.write("[")
        for number in range(15_000):
            file.write(f'{"," if number else ""}\n {{"t": "{number} {"x" * 1600}"}}')
        file.write("]")
    corpus = folder.corpus("long.json", text_field="t")
    tracemalloc.start()
    assert sum(1 for _ in corpus.texts("train")) == 15_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16 << 20 < corpus.num_bytes
