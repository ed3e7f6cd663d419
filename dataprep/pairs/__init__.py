"""Pairs: which records are duplicates of each other, and which copy stays."""
