"""UTF-8 inside a graph, with what is not UTF-8 treated as Python's decoder treats it."""

import tensorflow as tf

# What may be the beginning of a character, its bytes written as U+0000 to U+00FF.
_INCOMPLETE = (
    "([\u00c2-\u00f4]|\u00e0[\u00a0-\u00bf]|[\u00e1-\u00ef][\u0080-\u00bf]|"
    "(\u00f0[\u0090-\u00bf]|[\u00f1-\u00f3][\u0080-\u00bf]|\u00f4[\u0080-\u008f])[\u0080-\u00bf]?)$"
)


def checked_utf8(strings, name):
    """Returns the strings, having made sure that they are UTF-8.

    Args:
        strings: Any shape.
        name: The argument that the error names.
    """
    right = tf.reduce_all(replacing(strings) == strings)
    check = tf.debugging.Assert(right, [f"{name}: expected valid UTF-8, received other bytes"])
    with tf.control_dependencies([check] if check is not None else []):
        return tf.identity(strings)


def replacing(strings):
    """Returns the strings with the replacement sign for what is not UTF-8."""
    return tf.strings.unicode_transcode(
        strings, "UTF-8", "UTF-8", errors="replace", replace_control_characters=False
    )


def without_incomplete_end(strings):
    """Returns the strings without last bytes that further ones may make a character of."""
    bytes_as_characters = tf.strings.unicode_transcode(
        strings, "ISO-8859-1", "UTF-8", replace_control_characters=False
    )
    complete = tf.strings.regex_replace(bytes_as_characters, _INCOMPLETE, "")
    kept = tf.strings.length(complete, unit="UTF8_CHAR")
    return tf.strings.substr(strings, tf.zeros_like(kept), kept)
