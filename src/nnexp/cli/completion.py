"""Completion by Tab in bash, zsh and fish: the scripts, where they go, and the answer to what is typed.

A script hands over the line up to the cursor, and gets the words that may stand there, one a line; for zsh and fish
with a tab and what it is. No line: any file may stand there. A tab alone: nothing that is known.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
from pathlib import Path
from typing import NoReturn

from nnexp.errors import InputError

# Paths that are not whole yet, and `path=`, get no space after them. Runs come newest first, so nothing is sorted.
_SCRIPTS = {
    "bash": r"""_nnexp() {
    mapfile -t COMPREPLY < <(_NNEXP_COMPLETE=bash _NNEXP_LINE="${COMP_LINE:0:COMP_POINT}" \
        _NNEXP_BREAKS="$COMP_WORDBREAKS" "$1" 2>/dev/null)
    [[ ${COMPREPLY[0]} == $'\t' ]] && COMPREPLY=() && compopt +o default
    [[ ${COMPREPLY[0]} == *[=./] ]] && compopt -o nospace
}
complete -o nosort -o default -F _nnexp nnexp
""",
    "zsh": r"""#compdef nnexp
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
_nnexp() {
    local line word
    local -a whole begun whole_told begun_told
    for line in "${(@f)$(_NNEXP_COMPLETE=zsh _NNEXP_LINE="${(j: :)words[1,CURRENT]}" ${(Q)words[1]} 2>/dev/null)}"; do
        [[ $line == $'\t' ]] && return
        word=${line%%$'\t'*}
        case $word in
            "") ;;
            *[=./]) begun+=("$word"); begun_told+=("${line/$'\t'/  -- }") ;;
            *) whole+=("$word"); whole_told+=("${line/$'\t'/  -- }") ;;
        esac
    done
    (( $#whole + $#begun )) || { _files; return }
    compadd -V nnexp -l -d whole_told -a whole
    compadd -V nnexp -l -d begun_told -S '' -a begun
}
compdef _nnexp nnexp
""",
    "fish": r"""function __nnexp
    set -l line (commandline -cp | string collect)
    set -l found (env _NNEXP_COMPLETE=fish _NNEXP_LINE="$line" nnexp 2>/dev/null)
    if test "$found" = \t
        return
    else if test (count $found) -gt 0
        printf '%s\n' $found
    else
        __fish_complete_path (commandline -ct)
    end
end
complete -c nnexp -f -k -a '(__nnexp)'
""",
}
_SPECIAL = re.compile(r"[^\w@%+=:,./~-]")  # what bash would take for something else
_END = "\x01"  # of the word that is being typed, which may be empty


def script() -> str:
    """What the shell that asks is to read."""
    return _SCRIPTS[_shell()]


def install() -> str:
    """Have the shell that asks read its script at each start; says what was written.

    Raises:
        InputError: it is another shell, or its files cannot be written.
    """
    shell, home = _shell(), Path.home()
    if shell == "fish":
        place, reads_it = (
            Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config", "fish/completions/nnexp.fish"),
            None,
        )
    else:
        place = Path(os.environ.get("XDG_DATA_HOME") or home / ".local/share", f"nnexp/completion.{shell}")
        reads_it = Path(os.environ.get("ZDOTDIR") or home, ".zshrc") if shell == "zsh" else home / ".bashrc"
    line = f"source {shlex.quote(str(place))}  # nnexp: completion by Tab"
    try:
        from nnexp.files import write_text

        place.parent.mkdir(parents=True, exist_ok=True)
        write_text(place, _SCRIPTS[shell])
        if reads_it:
            there = reads_it.read_text("utf-8", "replace") if reads_it.exists() else ""
            if line not in there.splitlines():
                with reads_it.open("a", encoding="utf-8") as file:  # all else is the user's
                    file.write("\n" * (there[-1:] not in ("", "\n")) + f"{line}\n")
    except OSError as error:
        raise InputError(
            f"{error.filename or place} cannot be written: {error.strerror}; "
            f"have {shell} read what `nnexp --show-completion` prints"
        ) from None
    read = f", which {reads_it} reads" if reads_it else ""
    return f"{shell} completes nnexp by {place}{read}\nbegin a new shell, or:\nsource {shlex.quote(str(place))}"


def _shell() -> str:
    """The shell that nnexp was started from, else the user's own.

    Raises:
        InputError: it is none that nnexp knows.
    """
    import psutil

    names = [Path(os.environ.get("SHELL", "")).name]
    with contextlib.suppress(psutil.Error):
        names = [process.name().lstrip("-") for process in psutil.Process().parents()][:3] + names
    for name in names:
        if name in _SCRIPTS:
            return name
    raise InputError(
        f"completion is for {', '.join(_SCRIPTS)}, and your shell is {names[-1] or 'unknown'}; start one of them"
    )


def answer() -> NoReturn:
    """Print what may stand at the end of the line that is typed, and end. Whatever happens, nothing else is said."""
    with contextlib.suppress(Exception):
        from nnexp.cli.candidates import candidates

        shell, line = os.environ["_NNEXP_COMPLETE"], os.environ["_NNEXP_LINE"]
        words, word, quoted = _split(line)
        found = candidates(words[1:], word)
        if not found:
            lines = [] if found is None else ["\t"]
        elif shell == "bash":
            breaks = [
                place for place, sign in enumerate(word, 1) if sign in os.environ["_NNEXP_BREAKS"] and sign in "=:"
            ]
            kept = 0 if quoted or not breaks else breaks[-1]  # readline takes what comes after for the word
            lines = [value[kept:] if quoted else _SPECIAL.sub(r"\\\g<0>", value[kept:]) for value in found]
        else:
            lines = [f"{value}\t{what}" if what else value for value, what in found.items()]
        os.write(1, "".join(f"{line}\n" for line in lines if line.isprintable() or "\t" in line).encode())
    os._exit(0)


def _split(line: str) -> tuple[list[str], str, bool]:
    """The whole words of a line, the one that is being typed, and whether it is in quotes."""
    for closing in ("", "'", '"'):
        with contextlib.suppress(ValueError):
            *words, word = shlex.split(f"{line}{_END}{closing}")
            return words, word.removesuffix(_END), bool(closing)
    raise ValueError(line)
