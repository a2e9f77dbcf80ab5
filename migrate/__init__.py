"""Move a Kubernetes estate from device plugins to Dynamic Resource Allocation."""

__version__ = "0.1.0"
