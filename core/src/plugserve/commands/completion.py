"""`plugserve completion`: the script that lets a shell complete the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from click.shell_completion import ShellComplete

__all__ = ["completion"]

_PROGRAM: Final = "plugserve"

_VARIABLE: Final = "_PLUGSERVE_COMPLETE"
"""The variable that click looks at: made of the program's name, as its manual says ("Shell Completion")."""

_INSTALLATION: Final = {
    "bash": """\
# Completion of plugserve for bash 4.4 or newer. For every new shell:
#   mkdir -p ~/.local/share/bash-completion/completions
#   plugserve completion bash > ~/.local/share/bash-completion/completions/plugserve
# That needs the package bash-completion. For this shell alone, or from ~/.bashrc without that package:
#   eval "$(plugserve completion bash)"
""",
    "zsh": """\
# Completion of plugserve for zsh. For every new shell:
#   mkdir -p ~/.zfunc
#   plugserve completion zsh > ~/.zfunc/_plugserve
# and in ~/.zshrc, before compinit is called:
#   fpath+=(~/.zfunc)
# For this shell alone:
#   eval "$(plugserve completion zsh)"
""",
    "fish": """\
# Completion of plugserve for fish. For every new shell:
#   plugserve completion fish > ~/.config/fish/completions/plugserve.fish
# For this shell alone:
#   plugserve completion fish | source
""",
}

# click's own function for bash hands on the words as readline cuts them, at each of ":", "=" and "@". It so offers
# handlers behind `--with=` and nothing behind `access:allow=10.0.0.0/8,`. This one puts the words together again and
# takes off each answer what readline will not replace. The answers come from click, in the form that its BashComplete
# has: type, comma, value.
_BASH: Final = r"""
%(complete_func)s() {
    local IFS=$'\n' rest=$COMP_LINE bare type value prefix=
    local -a words=()
    local -i index last=-1

    COMPREPLY=()
    for ((index = 0; index <= COMP_CWORD; index++)); do
        bare=${rest#"${rest%%%%[![:space:]]*}"}
        if ((last < 0)) || [[ $bare != "$rest" ]]; then
            last+=1
            words[last]=
        fi
        words[last]+=${COMP_WORDS[index]}
        rest=${bare#"${COMP_WORDS[index]}"}
    done

    prefix=${words[last]}
    [[ $prefix == --*=* ]] && prefix=${prefix#*=}
    prefix=${prefix%%"${prefix##*[:=@]}"}

    while IFS=',' read -r type value; do
        case $type in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            plain) COMPREPLY+=("${value#"$prefix"}") ;;
        esac
    done < <(env COMP_WORDS="${words[*]}" COMP_CWORD="$last" %(complete_var)s=bash_complete "$1")
}

complete -o nosort -F %(complete_func)s %(prog_name)s
"""

# click's own function for zsh puts an answer in the place of the whole word, `--with=` and all, and as a file in fpath
# it does nothing when it is called for the second time. The answers have the form of click's ZshComplete: type, value
# and description, a line each.
_ZSH: Final = r"""
#compdef %(prog_name)s

%(complete_func)s() {
    local type value text
    local -a answers plain described

    answers=("${(@f)$(env COMP_WORDS="${words[*]}" COMP_CWORD=$((CURRENT - 1)) \
        %(complete_var)s=zsh_complete ${~words[1]})}")
    compset -P 1 '--*='
    for type value text in $answers; do
        case $type in
            dir) _path_files -/ ;;
            file) _path_files -f ;;
            plain) [[ $text == _ ]] && plain+=("$value") || described+=("$value:$text") ;;
        esac
    done
    (( $#described )) && _describe -V plugserve described
    (( $#plain )) && compadd -V plugserve -a plain
}

if [[ $funcstack[1] == _%(prog_name)s ]]; then
    %(complete_func)s "$@"
else
    compdef %(complete_func)s %(prog_name)s
fi
"""

# click's own function for fish ends an answer at its first comma, and offers nothing behind `--with=`. The answers have
# the form of click's FishComplete: type, comma, value, and behind a tab the description.
_FISH: Final = r"""
function %(complete_func)s
    set -l token (commandline -t)
    set -l option (string match --regex -- '^--[^=]+=' "$token")
    set -l answers (env COMP_WORDS=(commandline -cp) COMP_CWORD="$token" %(complete_var)s=fish_complete %(prog_name)s)
    for answer in $answers
        set -l parts (string split --max 1 -- , $answer)
        switch $parts[1]
            case dir
                __fish_complete_directories $parts[2]
            case file
                __fish_complete_path $parts[2]
            case plain
                string join -- '' $option $parts[2]
        end
    end
end

complete --no-files --command %(prog_name)s --arguments '(%(complete_func)s)'
"""


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print a script that lets a shell complete the command line.

    The script completes subcommands, options, and the names of installed handlers, plugins and engines. It begins
    with a comment that tells how to install it.

    \b
    eval "$(plugserve completion bash)"
    plugserve completion zsh > ~/.zfunc/_plugserve
    plugserve completion fish > ~/.config/fish/completions/plugserve.fish
    """
    from plugserve.cli import main

    lines = _shell_class(shell)(main, {}, _PROGRAM, _VARIABLE).source().strip().splitlines()
    # zsh reads `#compdef` from the first line and from no other.
    first = 1 if lines[0].startswith("#compdef") else 0
    click.echo("\n".join([*lines[:first], _INSTALLATION[shell].rstrip(), *lines[first:]]))


def _shell_class(shell: str) -> type[ShellComplete]:
    from click.shell_completion import BashComplete, FishComplete, ZshComplete

    class Bash(BashComplete):
        source_template = _BASH

    class Zsh(ZshComplete):
        source_template = _ZSH

    class Fish(FishComplete):
        source_template = _FISH

    return {"bash": Bash, "zsh": Zsh, "fish": Fish}[shell]
