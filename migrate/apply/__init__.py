"""Phase → outside: exactly the planned bytes or none; undone to the last byte or not at all."""

from __future__ import annotations

from migrate.apply.files import phase, preview
from migrate.apply.outcome import Outcome, Step
from migrate.apply.undo import rollback

__all__ = ["Outcome", "Step", "phase", "preview", "rollback"]
