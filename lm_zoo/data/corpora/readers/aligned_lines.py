"""Files of which the same lines belong together: a source's and its target's, say."""

import itertools


def aligned_lines(files, encoding, read_lines):
    """Yields the lines of several files side by side, tuples; blank ones are empty strings.

    Args:
        files: The `SourceFile`s.
        encoding: Of all.
        read_lines: Function of a file and its encoding that yields its lines.

    Raises:
        UserError: For unequal numbers of lines, with both; for a file without text.
    """
    sides = [read_lines(file, encoding) for file in files]
    has_text = [False] * len(files)
    count = 0
    for texts in itertools.zip_longest(*sides):
        if None in texts:
            counts = [
                count + (text is not None) + sum(1 for _ in side)
                for text, side in zip(texts, sides)
            ]
            _refuse_empty(files, counts)
            first, other = next(
                (files[0], file) for file, n in zip(files, counts) if n != counts[0]
            )
            number = counts[files.index(other)]
            raise other.error(
                f"it has {number:,} lines, but {str(first.path)!r}, which it should match line by "
                f"line, has {counts[0]:,}; give files with equally many lines."
            )
        has_text = [there or bool(text) for there, text in zip(has_text, texts)]
        count += 1
        yield texts
    _refuse_empty(files, has_text)


def _refuse_empty(files, has_text):
    for file, there in zip(files, has_text):
        if not there:
            raise file.error("there is no text in it.")
