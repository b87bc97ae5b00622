"""`iobuffer completion`: the script that has a shell complete its commands."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

__all__ = ["command"]


@click.command(name="completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print what has SHELL complete commands.

    Commands, options and names: channels and destinations are those of the gateway that
    runs; where none does there is nothing to offer. To have it in this session, and in
    all:

    \b
        bash  source <(iobuffer completion bash)
              iobuffer completion bash >/etc/bash_completion.d/iobuffer
        zsh   source <(iobuffer completion zsh)
              iobuffer completion zsh >"${fpath[1]}/_iobuffer"
        fish  iobuffer completion fish >~/.config/fish/completions/iobuffer.fish

    Exit status: 0 printed.
    """
    completion = get_completion_class(shell)
    assert completion is not None
    whole = context.find_root().command
    print(completion(whole, {}, "iobuffer", "_IOBUFFER_COMPLETE").source())
