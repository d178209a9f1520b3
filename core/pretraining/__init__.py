"""Self-supervised pretraining of extractors."""
