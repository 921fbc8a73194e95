"""Prints a script that lets a shell complete `lm-zoo` by the Tab key.

    eval "$(lm-zoo completion bash)"
    eval "$(lm-zoo completion zsh)"

One of these lines in ~/.bashrc or ~/.zshrc (there after `compinit`) switches it on for good.
Completed are commands, their flags, names of configs, fields of a config one part after another
(`--config.model.`), what a flag or a field may be, checkpoints of a run, files and folders.
"""

from lm_zoo.errors import UserError, unknown_name

ARGUMENTS = "bash|zsh"
FLAGS = ()
# Each asks `lm-zoo completion words LINE`, or `after LINE` for what comes after the last `=` or `:`
# alone: they are in Bash's COMP_WORDBREAKS. After what ends so, or by `/` or `.`, the word goes on.
SCRIPTS = {
    "bash": r"""
_lm_zoo() {
    local IFS=$'\n'
    COMPREPLY=($("${COMP_WORDS[0]}" completion after "${COMP_LINE:0:COMP_POINT}" 2>/dev/null))
    [[ ${COMPREPLY[0]-} == *[=/.:] ]] && compopt -o nospace 2>/dev/null
}
complete -F _lm_zoo lm-zoo
""",
    "zsh": r"""
_lm_zoo() {
    local -a found
    local -i status_=1
    found=("${(@f)$("$words[1]" completion words "${(j: :)${(@)words[1,CURRENT]}}" 2>/dev/null)}")
    compadd -Q -S '' -- ${(M)found:#*[=\/.:]} && status_=0
    compadd -Q -- ${found:#*[=\/.:]} && status_=0
    return status_
}
compdef _lm_zoo lm-zoo
""",
}


def first_argument(arguments):
    return SCRIPTS


def run(flag_values, arguments):
    if arguments[:1] in (["words"], ["after"]):
        from lm_zoo.cli.completions import shell_words

        line, breaks = " ".join(arguments[1:]), "=:" if arguments[0] == "after" else ""
        print("".join(f"{word}\n" for word in shell_words(line, breaks)), end="")
        return
    if len(arguments) != 1:
        raise UserError(f"completion: expected bash or zsh, received {' '.join(arguments)!r}.")
    if arguments[0] not in SCRIPTS:
        raise unknown_name("completion", arguments[0], SCRIPTS)
    print(SCRIPTS[arguments[0]].strip())
