"""The pipeline file: models, reading it with good errors, writing one for data at hand, its JSON Schema."""
