"""Splits: train, validation and test by group, without leaks."""
