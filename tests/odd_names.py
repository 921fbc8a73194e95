"""Names that a file system takes and a program may take for something else."""

ODD_NAMES = (
    "lr[0.1]",
    "back\\slash",
    "quo'te\"d",
    "two  spaces ",
    "st*r?",
    "100%d %s {x} $HOME",
    "~",
    "~nobody-of-this-name",
    "-dash=1,2;#&",
    "new\nline",
    "😀 ångström 中文",
    200 * "x",
)
ALL_AT_ONCE = "a[1] \\ 'q\" *?%~ 😀 {x},$HOME" + 150 * "x"
