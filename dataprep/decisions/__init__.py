"""Decisions: what people decided about held records and exceeded budgets, as a file that the pipeline file names.

A queue in a database would say what was decided and forget it with the database. A file lies beside the pipeline file,
is reviewed like it, and gives the same version wherever both are.
"""
