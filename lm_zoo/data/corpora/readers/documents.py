"""What a document is in a text file: the file, a line, or a paragraph; or nothing, in a stream."""

from lm_zoo.data.corpora.readers.decoding import lines, pieces, too_long
from lm_zoo.data.corpora.readers.source_file import MAX_LENGTH
from lm_zoo.text.cuts import PART_CHARACTERS
from lm_zoo.text.words import utf8


def file_document(source, encoding):
    """Yields the whole file as one document, without its trailing newlines."""
    kept, length = [], 0
    for piece in pieces(source, encoding):
        kept.append(piece)
        length += len(utf8(piece))
        if length > MAX_LENGTH:
            raise too_long(source, None, "the document")
    text = "".join(kept).rstrip("\r\n")
    if text.strip():
        yield text


def line_documents(source, encoding):
    """Yields each line that is not blank; a carriage return at its end is no part of it."""
    for _, line in lines(source, pieces(source, encoding)):
        if line.strip():
            yield line.removesuffix("\r")


def paragraph_documents(source, encoding):
    """Yields the paragraphs: lines between blank lines."""
    paragraph, length = [], 0
    for number, line in lines(source, pieces(source, encoding)):
        if line.strip():
            paragraph.append(line)
            length += len(utf8(line)) + 1
            if length > MAX_LENGTH:
                raise too_long(source, number, "the paragraph that ends here")
        elif paragraph:
            yield "\n".join(paragraph).rstrip("\r")
            paragraph, length = [], 0
    if paragraph:
        yield "\n".join(paragraph).rstrip("\r")


TEXT_DOCUMENTS = {"file": file_document, "line": line_documents, "paragraph": paragraph_documents}


def stream(sources, encoding):
    """Yields the files' text one after another, with a newline between where one does not end so.

    Raises:
        UserError: For a text without a safe place to cut within `MAX_LENGTH`: its parts would not
            fit into memory.
    """
    ended = True
    for source in sources:
        number, length = 1, 0
        empty = True
        for piece in pieces(source, encoding):
            if not ended and empty:
                yield "\n"
            empty = False
            number += piece.count("\n")
            if last_cut(piece):
                length = 0
            else:
                length += len(utf8(piece))
                if length > MAX_LENGTH:
                    raise too_long(source, number)
            yield piece
            ended = piece.endswith("\n")
        if empty and source.is_named:
            raise source.error("it is empty; give a file with text in it.")


def safe_parts(text_pieces):
    """Puts pieces of a stream together to parts that `lm_zoo.text.cuts` calls safely cut."""
    waiting, length = [], 0
    for piece in text_pieces:
        cut = last_cut(piece) if length + len(piece) >= PART_CHARACTERS else 0
        if not cut:
            waiting.append(piece)
            length += len(piece)
            continue
        yield "".join(waiting) + piece[:cut]
        waiting, length = [piece[cut:]], len(piece) - cut
    if rest := "".join(waiting):
        yield rest


def last_cut(piece):
    """Returns the last place in a piece where it can safely be cut, or 0 without one."""
    newline = piece.rfind("\n")
    while newline > 0:
        place = newline - (piece[newline - 1] == " ")
        if place and not piece[place - 1].isspace():
            return place
        newline = piece.rfind("\n", 0, newline)
    return 0
