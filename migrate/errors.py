"""Every error a user can meet: what happened, where, and what to do.

`MigrateError`
├── `InputError`      a path, a file or a rule that cannot be used
│   └── `YamlError`   text that does not parse
├── `EditRefused`     an edit that could not be made without a scratch
├── `PlanError`       a plan that cannot be read, is stale or cannot be made
└── `ApplyError`      a phase that cannot be applied or undone

Only `migrate.cli` catches them.
"""

from __future__ import annotations


class MigrateError(Exception):
    """A failure that is told to the user in his own terms.

    Shape: `reason` says what, `path`, `line` and `column` (from 1, 0 when unknown) say where,
    `remedy` says what to do next ("" when nothing can be done).
    """

    def __init__(
        self, reason: str, *, path: str = "", line: int = 0, column: int = 0, remedy: str = ""
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.path = path
        self.line = line
        self.column = column
        self.remedy = remedy

    @property
    def where(self) -> str:
        """`path:line:column`, shortened to what is known."""
        numbers = [str(n) for n in (self.line, self.column) if n]
        return ":".join([self.path, *numbers] if self.path else numbers)

    def __str__(self) -> str:
        head = f"{self.where}: {self.reason}" if self.where else self.reason
        return f"{head}\n  {self.remedy}" if self.remedy else head


class InputError(MigrateError):
    """A path, a file or a rule that cannot be used."""


class YamlError(InputError):
    """Text that does not parse, or goes past a limit."""


class EditRefused(MigrateError):
    """An edit that would touch more than it means to."""


class PlanError(MigrateError):
    """A plan that cannot be made, read or trusted any more."""


class ApplyError(MigrateError):
    """A phase that cannot be applied or undone; nothing was half-written."""
