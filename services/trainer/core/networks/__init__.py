"""The networks. Keras is imported in this package and nowhere else: other modules load in a moment."""
