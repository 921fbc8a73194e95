"""Chinese words are jieba's."""

import sys

import pytest

from lm_zoo.errors import UserError
from lm_zoo.text.tokenizers import ChineseWordTokenizer, chinese_word


def words_of_jieba(text):
    import jieba

    jieba.setLogLevel(60)
    words = (word for word in jieba.cut(text, HMM=False))
    return [part for word in words for part in ("\r\n" if word == "\r\n" else (word,))]


def test_words_are_those_of_jieba(chinese_texts):
    dictionary = chinese_word.installed_dictionary()
    for text in chinese_texts:
        assert dictionary.cut(text) == words_of_jieba(text), repr(text[:80])


def test_poems_are_cut_as_jieba_cuts_them(poems):
    text = "\n".join(poems)
    assert chinese_word.installed_dictionary().cut(text) == words_of_jieba(text)


def test_words_have_no_spaces_put_between_them():
    tokenizer = ChineseWordTokenizer.train("我们中出了一个叛徒\n我们 abc1\n")
    assert tokenizer.words == [
        *("<unk>", "<eos>", "我们"),
        *(" ", "abc1", "一个", "中", "了", "出", "叛徒"),
    ]
    ids = tokenizer.encode("我们了不起\nabc1 一个")
    assert [tokenizer.token_text(i) for i in ids] == [
        *("我们", "<unk>", "\\n", "abc1", " ", "一个"),
    ]
    assert tokenizer.decode(ids) == "我们\ufffd\nabc1 一个"
    assert tokenizer.end_id == tokenizer.eos_id == 1


def test_another_dictionary_is_noticed(tmp_path):
    tokenizer = ChineseWordTokenizer(["我们"], dictionary="0" * 64)
    with pytest.raises(
        UserError, match="trained with a different dictionary .*SHA-256 000000000000"
    ):
        tokenizer.encode("我们")


def test_a_missing_package_is_named(monkeypatch):
    chinese_word.installed_dictionary.cache_clear()
    monkeypatch.setitem(sys.modules, "rjieba", None)
    with pytest.raises(
        UserError, match=r'needs the package rjieba.*pip install "lm_zoo\[chinese\]"'
    ):
        ChineseWordTokenizer.train(["我们"])
    chinese_word.installed_dictionary.cache_clear()


def test_nothing_of_jieba_is_run():
    """It reads a marshalled cache out of the folder for temporary files."""
    import subprocess

    code = (
        "import sys\nfrom lm_zoo.text.tokenizers import ChineseWordTokenizer\n"
        "ChineseWordTokenizer.train(['我们']).encode('我们')\nassert 'jieba' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
