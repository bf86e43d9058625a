"""A script for bash and zsh that completes commands, options and their choices; files everywhere else."""

from __future__ import annotations

from collections.abc import Mapping

from segarena.commands.usage import Option, find_options
from segarena.config.checks import flag
from segarena.errors import ConfigError

SHELLS = ("bash", "zsh")

_SCRIPT = r"""# Completion of segarena for bash and zsh.
if [ -n "$ZSH_VERSION" ]; then
  autoload -U +X compinit && compinit -u
  autoload -U +X bashcompinit && bashcompinit
fi
_segarena() {
  local cur="${COMP_WORDS[COMP_CWORD]}" verb="${COMP_WORDS[1]}" option="" words="" i
  for ((i = COMP_CWORD - 1; i > 1; i--)); do
    case "${COMP_WORDS[i]}" in
      --*) option="${COMP_WORDS[i]}"; break ;;
    esac
  done
  if ((COMP_CWORD == 1)); then
    words="@commands"
  elif [[ "$cur" == -* ]]; then
    case "$verb" in
@options
    esac
  else
    case "$verb $option $((COMP_CWORD - i))" in
@choices
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o default -F _segarena segarena
"""


def completion_script(shell: str, commands: Mapping[str, type]) -> str:
    """Return the script. Where it has no words, the shell completes names of files.

    Args:
        shell: bash or zsh.
        commands: The options of each command.

    Raises:
        ConfigError: There is no script for the shell.
    """
    if shell not in SHELLS:
        raise ConfigError(f"no script for {shell!r}", where="--completion", remedy="Give bash or zsh")
    options, choices = [], []
    for verb, kind in commands.items():
        named = [option for option in find_options(kind) if not option.is_positional]
        flags = " ".join([*(flag(option.name) for option in named), "--help"])
        options.append(f'      {verb}) words="{flags}" ;;')
        choices += [_choices(verb, option) for option in named if option.choices]
    verbs = " ".join([*commands, "--help", "--version", "--completion"])
    parts = {"@commands": verbs, "@options": "\n".join(options), "@choices": "\n".join(choices)}
    script = _SCRIPT
    for mark, text in parts.items():
        script = script.replace(mark, text)
    return script


def _choices(verb: str, option: Option) -> str:
    """The line of an option that has choices: they are completed for its first value, or for all of its values."""
    place = "*" if option.is_several else "1"
    return f'      "{verb} {flag(option.name)} "{place}) words="{" ".join(option.choices)}" ;;'
