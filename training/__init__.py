"""Floor 2: labels, splits, baselines, models, evaluation, MLflow runs and promotion."""
