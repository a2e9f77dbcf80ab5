"""The real control plane and the real DRA code, for tests: see docs/oracle.md."""
