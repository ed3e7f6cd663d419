"""Near-duplicate removal from file to file, without a pipeline and without a store."""
