"""Help texts: commands in groups, each on one full line, and examples below the options."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup


class CommandGroups(TyperGroup):
    """Lists commands under the panel each was registered with.

    Typer groups them only when it draws boxes with rich, which costs a quarter of a second; its plain list cuts each
    line off. Contexts and formatters are typed loosely because typer keeps their classes private.
    """

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write one section for each panel, in the order in which the commands were registered."""
        panels: dict[str, list[tuple[str, str]]] = {}
        for name in self.list_commands(ctx):
            command = self.get_command(ctx, name)
            if command is not None and not command.hidden:
                panel = str(getattr(command, "rich_help_panel", None) or "Commands")
                panels.setdefault(panel, []).append((name, command.get_short_help_str(limit=200)))
        width = max(len(name) for rows in panels.values() for name, _ in rows)
        for panel, rows in panels.items():
            with formatter.section(panel):
                formatter.write_dl([(name.ljust(width), text) for name, text in rows])


def examples(*commands: str) -> str:
    r"""Commands as the end of a help text, one a line and not wrapped.

    >>> examples("show support@latest")
    '\x08\nExamples:\n  dataprep show support@latest'
    """
    return "\b\nExamples:\n" + "\n".join(f"  dataprep {command}" for command in commands)
