"""Every SQL file of the product, read through importlib.resources."""
