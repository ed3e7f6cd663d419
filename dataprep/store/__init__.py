"""The store: versions, references, catalog, cache; the only room that knows paths."""
