"""Ways to damage a file as chance, a full disk or an attacker would; for the fuzzer."""

import copy
import hashlib
import json
import os
import shutil

ODD_VALUES = (
    *(None, True, -1, 0, 1.5, 10**18, 10**400, float("nan"), float("inf"), "", "x", "../x", "\0"),
    *([], [1], [[]], {}, {"x": 1}, "é" * 300, "/etc/passwd", ["x", None]),
)
ODD_TEXTS = (  # for which JSON's own writer has no value
    *(b"", b"null", b"[]", b"{}", b'"x"', b"\xff\xfe", b"{", b'{"a":1,"a":2}', b"[1e400]"),
    *(b"[" * 100_000, b'{"a":' * 100_000, b'{"\\ud800": "\\ud800"}', b"1" * 5000, b"NaN"),
)


def damage(path, random):
    """Changes the file at `path`, or puts something else there; returns what was done, in words."""
    is_json = path.suffix in (".json", ".jsonl")
    ways = [_cut, _flip, _grow, _empty, _remove, _pipe, _folder, _loop]
    if is_json:
        ways += [_json_value, _json_value, _json_value, _json_value, _odd_text]
    way = random.choice(ways)
    return f"{path.name}: {way.__name__} {way(path, random) or ''}"


def _cut(path, random):
    os.truncate(path, random.randrange(path.stat().st_size + 1))


def _flip(path, random):
    data = bytearray(path.read_bytes()) or bytearray(1)
    for _ in range(random.choice([1, 1, 8])):
        data[random.randrange(len(data))] ^= 1 << random.randrange(8)
    path.write_bytes(data)


def _grow(path, random):
    with open(path, "ab") as file:
        file.write(random.choice([b"\0", b"\n{}", b"x" * 100_000]))


def _empty(path, random):
    path.write_bytes(b"")


def _remove(path, random):
    path.unlink()


def _pipe(path, random):
    path.unlink()
    os.mkfifo(path)


def _folder(path, random):
    path.unlink()
    path.mkdir()


def _loop(path, random):
    path.unlink()
    path.symlink_to(path.name)


def _odd_text(path, random):
    text = random.choice(ODD_TEXTS)
    path.write_bytes(text)
    return repr(text[:20])


def _json_value(path, random):
    """Puts another value, or none, in one place of a JSON file, and mends the checksums."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.suffix == ".jsonl" else None
    values = json.loads(lines[0] if lines else path.read_text(encoding="utf-8"))
    holder = {"": values}
    places = list(_places(holder))
    place, key = random.choice(places)
    if random.random() < 0.2 and place is not holder:
        del place[key]
        done = f"without {key!r}"
    else:
        place[key] = copy.deepcopy(random.choice(ODD_VALUES))
        done = f"{key!r} = {place[key]!r:.40}"
    if random.random() < 0.8:
        _mend(holder[""])
    text = json.dumps(holder[""])
    path.write_text("\n".join([text, *lines[1:]]) + "\n" if lines else text, encoding="utf-8")
    return done


def _places(value):
    """Yields (object or list, key) of every value in a value, at any depth."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in list(pairs):
        yield value, key
        if isinstance(inner, (dict, list)):
            yield from _places(inner)


def _mend(values):
    """Makes checksums right again, as one would who wants to be read."""

    def sha256(content, **how):
        return hashlib.sha256(json.dumps(content, sort_keys=True, **how).encode()).hexdigest()

    if not isinstance(values, dict):
        return
    if "content" in values and "sha256" in values:  # a checkpoint's manifest
        values["sha256"] = sha256(values["content"], separators=(",", ":"))
    elif "content" in values and "fingerprint" in values:  # a tokenizer
        content = [values.get("name"), values["content"]]
        values["fingerprint"] = sha256(content, separators=(",", ":"))
    elif "sha256" in values and "splits" in values:  # token files
        values["sha256"] = sha256({k: v for k, v in values.items() if k != "sha256"})


def restored(original, folder):
    """Puts a whole copy of a folder in place of a damaged one."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(original, folder)
    return folder
