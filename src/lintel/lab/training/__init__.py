"""Training of classifiers of faces: crops, batches, recipes, the training itself, and sweeps."""
