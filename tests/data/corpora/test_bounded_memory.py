"""Small files that stand for gigabytes: read in little memory, or refused by file, row and limit."""

import bz2
import json
import lzma
import random
import subprocess
import sys

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from lm_zoo.data.corpora.readers import json_values, parquet
from lm_zoo.data.corpora.readers import record_tables as tables
from lm_zoo.data.corpora.readers.parquet_pages import DICTIONARY_PAGE, pages
from lm_zoo.data.corpora.text_files import TextFiles
from lm_zoo.errors import UserError

HUGE = "a" * 8_000_000
MAX_MEBIBYTES = 500  # of which Python, numpy and pyarrow take 70, and what was read before some
READ = """
import json, sys
from lm_zoo.data.corpora.text_files import TextFiles
for name in sys.argv[1:]:
    corpus = TextFiles(
        train_files=(name,), validation_fraction=0.0, test_fraction=0.0,
        text_field="" if ".txt" in name else "t",
    )
    count = size = 0
    try:
        for text in corpus.load().texts("train"):
            count, size = count + 1, size + len(text)
            if count == 40:
                break
        error = ""
    except ValueError as caught:
        error = str(caught)
    # Not `resource`'s figure, which begins with that of the process that this one is a child of.
    with open("/proc/self/status") as file:
        peak = next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) >> 10
    print(json.dumps([count, size, error, peak]))
"""


def write_parquet(path, column, **settings):
    pyarrow.parquet.write_table(
        pyarrow.table({"t": column}),
        path,
        compression="zstd",
        write_statistics=False,
        dictionary_pagesize_limit=1 << 30,
        **settings,
    )


def repeated(text, count):
    """`count` times the same text, which a file holds once."""
    numbers = pyarrow.array(np.zeros(count, np.int32))
    return pyarrow.DictionaryArray.from_arrays(numbers, pyarrow.array([text]))


def listed(offsets, text):
    return pyarrow.ListArray.from_arrays(pyarrow.array(offsets), repeated(text, offsets[-1]))


def test_the_peak_of_a_process_that_reads_them_one_after_another(tmp_path):
    delta = {"use_dictionary": False, "column_encoding": {"t": "DELTA_BYTE_ARRAY"}}
    write_parquet(tmp_path / "repeated.parquet", repeated(HUGE, 300))
    write_parquet(tmp_path / "delta.parquet", [HUGE] * 60, **delta)
    write_parquet(tmp_path / "list.parquet", listed([0, 1, 301], HUGE))
    write_parquet(tmp_path / "many.parquet", listed([0, 20_000_000], ""))
    write_parquet(tmp_path / "page.parquet", ["a", "b" * 140_000_000], use_dictionary=False)
    letters = np.random.default_rng(0).integers(97, 123, (80, 2_000_000), np.uint8)
    books = pyarrow.table({"t": [row.tobytes().decode() for row in letters]})
    pyarrow.parquet.write_table(books, tmp_path / "books.parquet")  # in pyarrow's own way
    deep = '{"t": "a", "x": [' + '{"a":[]},' * 600_000 + "1]}"
    (tmp_path / "deep.jsonl").write_text('{"t": "a"}\n' + deep)
    (tmp_path / "deep.json").write_text('[{"t": "a"},\n' + deep + "]")
    (tmp_path / "wide.csv").write_text("t\na\n" + "bb," * 12_000_000)
    (tmp_path / "rows.csv").write_text('t\na\n"' + ("b" * 9_999_999 + '\n","') * 5)
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 1 << 30}]
    with lzma.open(tmp_path / "dictionary.txt.xz", "wb", filters=filters) as file:
        file.write(b"word\n" * 1000)
    with bz2.open(tmp_path / "long.txt.bz2", "wb") as file:
        for _ in range(70):
            file.write(b"\0" * (2 << 20))
    expected = {
        "repeated.parquet": (40, ""),
        "delta.parquet": (40, ""),
        "list.parquet": (1, "row 2: the texts in the list 't' have 2,400,000,300 bytes"),
        "many.parquet": (0, "row 1: 't.list.element': the page that begins here has 20,000,000"),
        "page.parquet": (1, "row 2: the text is longer than 128 MiB"),
        "books.parquet": (40, ""),
        "deep.jsonl": (1, "line 2: this JSON cannot be read (a value has more than 4,194,304"),
        "deep.json": (1, "line 2: not JSON (a value has more than 4,194,304 brackets"),
        "wide.csv": (1, "line 3: the record that begins here is longer than 32 MiB"),
        "rows.csv": (
            1,
            "line 3: the record that begins here, because the quote that opens in line",
        ),
        "dictionary.txt.xz": (0, "it takes more than 128 MiB to decompress"),
        "long.txt.bz2": (0, "line 1: the line is longer than 128 MiB"),
    }
    names = [str(tmp_path / name) for name in expected]
    done = subprocess.run(
        [sys.executable, "-c", READ, *names], capture_output=True, text=True, check=True
    )
    for name, line in zip(expected, done.stdout.splitlines(), strict=True):
        count, _, error, peak = json.loads(line)
        assert count == expected[name][0], (name, error)
        assert (expected[name][1] in error) and bool(error) == bool(expected[name][1]), error
        assert name in error or not error
        assert peak < MAX_MEBIBYTES, name


def test_pages_are_what_the_file_has(tmp_path):
    texts = [f"{number} " * 50 for number in range(5000)]
    settings = {"data_page_size": 1 << 14, "row_group_size": 2000, "write_statistics": False}
    for version in ("1.0", "2.0"):
        for compression in ("none", "zstd", "snappy"):
            path = tmp_path / "a.parquet"
            table = pyarrow.table({"n": range(5000), "t": texts})
            pyarrow.parquet.write_table(
                table, path, data_page_version=version, compression=compression, **settings
            )
            with pyarrow.parquet.ParquetFile(path) as file, open(path, "rb") as raw:
                for group in map(file.metadata.row_group, range(3)):
                    for column in map(group.column, range(2)):
                        found = list(pages(raw, column))
                        data = [page for page in found if page.kind != DICTIONARY_PAGE]
                        assert sum(page.num_values for page in data) == group.num_rows
                        size = sum(page.num_bytes for page in found)
                        # The chunk's own figure counts the headers, too.
                        assert 0 < column.total_uncompressed_size - size < 100 * len(found)


def read(path, **settings):
    config = {"validation_fraction": 0.0, "test_fraction": 0.0, "text_field": "t"} | settings
    corpus = TextFiles(train_files=(str(path),), **config).load()
    return list(corpus.texts("train"))


def test_every_shape_of_parquet_gives_its_texts(tmp_path):
    path = tmp_path / "a.parquet"
    texts = [f"{number} é " * (number % 7) for number in range(700)]
    expected = [text.rstrip("\n") for text in texts if text.strip()]
    for column in (texts, pyarrow.array(texts, "large_string")):
        for encoding in ("PLAIN", "DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY"):
            pyarrow.parquet.write_table(
                pyarrow.table({"t": column}),
                path,
                row_group_size=300,
                use_dictionary=False,
                column_encoding={"t": encoding},
            )
            assert read(path) == expected
    table = pyarrow.table({"t": pyarrow.array(texts).dictionary_encode()})
    pyarrow.parquet.write_table(table, path)
    assert read(path) == expected
    table = pyarrow.table({"x": [{"t": text, "n": 1} for text in texts]})
    pyarrow.parquet.write_table(table, path)
    assert read(path, text_field="x.t") == expected
    pyarrow.parquet.write_table(pyarrow.table({"t": [["a", "b"], [], None, ["c"]]}), path)
    assert read(path) == ["a\nb", "c"]


@pytest.fixture
def small_pages(monkeypatch):
    """All pages are too large to be read whole."""
    monkeypatch.setattr(parquet, "MAX_PAGE", 0)


def some_texts():
    """Texts as they come: words that repeat, nulls, empty ones, long ones, some of them twice."""
    chance = random.Random(0)
    words = "the of and to in é 中 as was with 😀 be".split()
    lengths = [chance.choice([0, 1, 30, 3000]) for _ in range(300)]
    texts = [" ".join(chance.choices(words, k=length)) for length in lengths]
    return [*texts, None, "x" * 200_000, "ab" * 70_001, None, *texts[:20]]


@pytest.mark.parametrize("compression", ["none", "snappy", "gzip", "zstd"])
def test_pages_read_piece_by_piece_give_what_pyarrow_gives(tmp_path, small_pages, compression):
    path, nullable = tmp_path / "a.parquet", some_texts()
    for version in ("1.0", "2.0"):
        for use_dictionary in (True, False):
            for texts in (nullable, [text or "" for text in nullable]):
                field = pyarrow.field("t", pyarrow.string(), nullable=texts is nullable)
                pyarrow.parquet.write_table(
                    pyarrow.table({"t": texts}, pyarrow.schema([field])),
                    path,
                    compression=compression,
                    data_page_version=version,
                    use_dictionary=use_dictionary,
                    row_group_size=150,
                )
                assert read(path) == [text for text in texts if text]


@pytest.mark.parametrize("compression", ["none", "snappy", "gzip", "zstd"])
def test_damaged_pages_are_one_line(tmp_path, small_pages, compression):
    path, chance, refused = tmp_path / "a.parquet", random.Random(0), 0
    table = pyarrow.table({"t": some_texts()[:100]})
    pyarrow.parquet.write_table(table, path, compression=compression)
    whole = path.read_bytes()
    for _ in range(30):
        data = bytearray(whole)
        data[chance.randrange(4, len(data) - 8)] ^= 1 << chance.randrange(8)
        path.write_bytes(data)
        try:
            read(path)
        except UserError as error:
            assert "a.parquet" in str(error) and "\n" not in str(error)
            refused += 1
    assert refused > 2


def test_what_is_around_a_text_is_not_read_piece_by_piece(tmp_path, small_pages):
    path = tmp_path / "a.parquet"
    for column, field in (([["a"], ["b"]], "t"), ([{"t": "a"}], "t.t"), ([1, 2], "t")):
        pyarrow.parquet.write_table(pyarrow.table({"t": column}), path)
        with pytest.raises(UserError, match="row 1: .*the page that begins here takes"):
            read(path, text_field=field)


def test_a_value_of_json_ends_where_the_library_ends_it(monkeypatch):
    values = ['{"a": "}]\\"", "b": [1, {}, "\\\\"]}', '"x\\"y"', '[[], "[", {"é": null}]', "[]"]
    for value in values:
        assert json.JSONDecoder().raw_decode(value + ",{}")[1] == len(value)
        text = "  " + value + ", {"
        for step in (1, 2, 3, 100):  # of the text's coming
            end = json_values.ValueEnd()
            found = (end.find(text[: 2 + size], 2) for size in range(0, len(text) + step, step))
            assert next(filter(None, found)) == 2 + len(value)
    monkeypatch.setattr(json_values, "MAX_STRUCTURE", 10)
    with pytest.raises(ValueError, match="more than 10 brackets"):
        json_values.ValueEnd().find("[1,2,3,4,5,6,7,8]", 0)
    assert json_values.ValueEnd().find('{"a": "[1,2,3,4,5,6,7,8]"}', 0) == 26


def test_streams_of_xz_follow_one_another(tmp_path):
    path = tmp_path / "a.txt.xz"
    one, two = (lzma.compress(text) for text in (b"one\n", b"two\n"))
    path.write_bytes(one + b"\0" * 8 + two + b"\0" * 4)
    assert "".join(read(path, text_field="")) == "one\ntwo\n"
    for damaged in (one[:-1], one + b"rest", one + two[:20]):
        path.write_bytes(damaged)
        with pytest.raises(UserError, match="truncated or damaged"):
            read(path, text_field="")


def test_a_quote_that_is_never_closed_is_named_where_it_opens(tmp_path, monkeypatch):
    path = tmp_path / "a.csv"
    path.write_text('t,u\n"a\n""b""\nc",1\nd,"e\n' + "f\n" * 50)
    with pytest.raises(UserError, match=r"line 5: not CSV .*opens here.*ends in line 55"):
        read(path)
    monkeypatch.setattr(tables, "MAX_RECORD", 50)
    with pytest.raises(UserError, match="line 5: the record that begins here.*opens in line 5 "):
        read(path)
