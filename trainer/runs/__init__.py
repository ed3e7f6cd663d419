"""Run folders: what a run was, what it measured, which there are."""
