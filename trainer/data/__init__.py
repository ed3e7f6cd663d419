"""From rows of a version or a folder to token sequences with labels."""
