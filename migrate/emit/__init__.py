"""Plan → text: the new bytes of every file, the plan folder, listings and reports."""
