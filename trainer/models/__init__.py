"""The model: found, loaded, refused, given adapters and dropout."""
