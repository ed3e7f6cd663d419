"""Rules: named conditions on signals and fields, compiled to bound SQL."""
