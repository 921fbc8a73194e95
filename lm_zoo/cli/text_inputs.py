"""The texts of a prediction's inputs, read from lines, columns or JSON objects."""

from lm_zoo.cli.lines import read_lines
from lm_zoo.errors import UserError
from lm_zoo.files.json_files import NotJson, parse_json


def columns_of_file(path, form, keys, hints=None):
    """Returns the texts of each input, name -> list of strings, from one file.

    Args:
        path: The file; - is standard input.
        form: `lines`, a text each, blank ones too; `tsv`, a text of each input a line, with tabs
            between them; or `jsonl`, an object a line, where blank lines are passed over.
        keys: Input name -> the field of an object that holds its text, in the order of the inputs.
        hints: Input name -> what an error says besides of a text that is missing; of the first one
            also where tabs are.

    Raises:
        UserError: Naming the file and the line.
    """
    lines, hints = read_lines("input", path), hints or {}
    where = f"input: {'standard input' if path == '-' else path}, line"
    numbered = enumerate(lines, 1)
    if form == "lines":
        rows = [(line,) for line in lines]
    elif form == "tsv":
        hint = hints.get(next(iter(keys)), "")
        rows = [_cut(line, f"{where} {number}", list(keys), hint) for number, line in numbered]
    else:
        numbered = ((number, line) for number, line in numbered if line.strip())
        rows = [_fields(line, f"{where} {number}", keys, hints) for number, line in numbered]
    return {name: [row[place] for row in rows] for place, name in enumerate(keys)}


def _cut(line, where, names, hint):
    parts = line.split("\t")
    if len(parts) != len(names):
        raise UserError(
            f"{where}: expected {', a tab and '.join(names)}, received {len(parts) - 1} tabs.{hint}"
        )
    return parts


def _fields(line, where, keys, hints):
    try:
        values = parse_json(line, finite=False)
    except NotJson as error:
        raise UserError(f"{where}: {error}.") from None
    for name, key in keys.items():
        if not isinstance(values, dict) or key not in values:
            raise UserError(f"{where}: expected an object with field {key!r}.{hints.get(name, '')}")
        if not isinstance(values[key], str):
            raise UserError(f"{where}: field {key!r} is not a string.")
    return [values[key] for key in keys.values()]
