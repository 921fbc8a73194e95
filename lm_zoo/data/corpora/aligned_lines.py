"""Two files of which each line of one is what the same line of the other is translated to."""

import itertools


def aligned_lines(source, target, encoding, read_lines):
    """Yields the `(source, target)` lines of two files, blank ones as empty strings.

    Args:
        source: The `SourceFile` with the sources.
        target: That with the targets.
        encoding: Of both.
        read_lines: Function of a file and its encoding that yields its lines.

    Raises:
        UserError: For unequal numbers of lines, with both; for a file without text.
    """
    files = (source, target)
    sides = [read_lines(file, encoding) for file in files]
    has_text = [False, False]
    count = 0
    for pair in itertools.zip_longest(*sides):
        if None in pair:
            counts = [
                count + (text is not None) + sum(1 for _ in side) for text, side in zip(pair, sides)
            ]
            _refuse_empty(files, counts)
            raise target.error(
                f"it has {counts[1]:,} lines, and {str(source.path)!r}, whose lines it should "
                f"translate, has {counts[0]:,}; give files of as many lines."
            )
        has_text = [there or bool(text) for there, text in zip(has_text, pair)]
        count += 1
        yield pair
    _refuse_empty(files, has_text)


def _refuse_empty(files, has_text):
    for file, there in zip(files, has_text):
        if not there:
            raise file.error("there is no text in it.")
