"""What special tokens that are written out in a text are; needs the standard library alone."""

TEXT, CONTROL = SPECIAL_TOKENS = ("text", "control")
SPECIAL_TOKENS_HELP = (
    "What a special token that is written out in a text, such as <|endoftext|>, is: text, or "
    "control, the token."
)
