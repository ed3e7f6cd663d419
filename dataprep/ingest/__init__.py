"""Ingest: files of any supported format become batches of records, and rows that cannot become rejects."""
