"""Change → Plan: in which order, behind which checks, and how to go back."""

from __future__ import annotations

from migrate.planning.phases import creations, plan, with_creations

__all__ = ["creations", "plan", "with_creations"]
