"""What special tokens that are written out in a text are; needs the standard library alone."""

TEXT, CONTROL = SPECIAL_TOKENS = ("text", "control")
SPECIAL_TOKENS_HELP = (
    "How a special token written out in a text, such as <|endoftext|>, is read: as text, or as "
    "the token (control)."
)
