"""From a dataset version to a model, without the usual mistakes."""
