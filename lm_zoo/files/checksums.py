"""The checksums that an export carries, in the form that `sha256sum --check SHA256SUMS` reads."""

import hashlib
import hmac
import os
import pathlib
import re
import stat

from lm_zoo.errors import UserError
from lm_zoo.files import raise_if_of_system, reason, sha256_file
from lm_zoo.files.input_files import read_input

FILE_NAME = "SHA256SUMS"
MAX_BYTES = 1 << 20  # of the list
_LINE = re.compile(r"([0-9a-f]{64})  ([^\\\n]+)\n")


def write(folder, left_out=()):
    """Writes the SHA-256 of every file below a folder beside them.

    Args:
        folder: The folder, with names that have neither line ends nor backslashes.
        left_out: Names of files that are not listed, because they are for the user to change.

    Returns:
        The SHA-256 of the list itself.
    """
    folder = pathlib.Path(folder)
    names = sorted(name for name in _found(folder)[0] if name not in left_out)
    text = "".join(f"{sha256_file(folder / name)}  {name}\n" for name in names)
    (folder / FILE_NAME).write_text(text, encoding="utf-8")
    return hashlib.sha256(text.encode()).hexdigest()


def verify(folder, field, advice, sha256="", complete=True):
    """Raises a `UserError` unless a folder holds exactly what its list says.

    Args:
        folder: The folder.
        field: What the folder was given as, for errors.
        advice: What to do otherwise, for errors.
        sha256: What the list's own SHA-256 has to be; "" is anything.
        complete: Whether there may be no file that is not listed.
    """
    folder = pathlib.Path(folder)
    try:
        listed = _listed(folder, field, advice, sha256)
        files, others = _found(folder)
        found = {"missing": sorted(listed.keys() - files)}
        if complete:
            found["not in the list"] = sorted(files - listed.keys()) + sorted(others)
        if not any(found.values()):
            changed = (n for n, digest in listed.items() if sha256_file(folder / n) != digest)
            found["changed"] = [name for name in changed]
    except OSError as error:
        where = error.filename or folder
        raise UserError(f"{field}: {where} cannot be read ({reason(error)}).") from None
    wrong = [(name, how) for how, names in found.items() for name in names]
    if wrong:
        name, how = wrong[0]
        more = f", and {len(wrong) - 1} more" if len(wrong) > 1 else ""
        raise UserError(
            f"{field}: {folder} is not what its {FILE_NAME} says: {name!r} is {how}{more}; "
            f"{advice}."
        )


def _listed(folder, field, advice, sha256):
    """Returns file name -> SHA-256, of the list; a `UserError` where there is none to be used."""

    def unusable(why):
        return UserError(f"{field}: {why}; {advice}.")

    path = folder / FILE_NAME
    try:
        data = read_input(path, MAX_BYTES)
    except FileNotFoundError:
        raise unusable(f"{folder} has no {FILE_NAME}, so its contents cannot be verified") from None
    except OSError as error:
        raise_if_of_system(error)
        raise unusable(f"{path} cannot be read ({reason(error)})") from None
    digest = hashlib.sha256(data).hexdigest()
    if sha256 and not hmac.compare_digest(digest, sha256.lower()):
        raise unusable(f"expected {path} to have the SHA-256 {sha256!r}, received {digest}")
    try:
        lines = data.decode("utf-8").splitlines(keepends=True)
    except UnicodeDecodeError:
        lines = []
    matches = [_LINE.fullmatch(line) for line in lines]
    names = {match[2]: match[1] for match in matches if match}
    if not all(matches) or len(names) != len(lines) or not names:
        raise unusable(f"{path} is damaged")
    return names


def _found(folder):
    """Returns names below a folder, of files and of what is neither file nor folder."""
    files, others = set(), set()

    def fail(error):
        raise error

    for place, folders, names in os.walk(folder, onerror=fail):
        linked = [name for name in folders if os.path.islink(os.path.join(place, name))]
        for name in [*names, *linked]:
            path = pathlib.Path(place, name)
            try:
                is_file = stat.S_ISREG(path.stat().st_mode)
            except FileNotFoundError:  # a link to nothing
                is_file = False
            (files if is_file else others).add(path.relative_to(folder).as_posix())
    return files - {FILE_NAME}, others
