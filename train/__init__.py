"""Recipe to run: loaders, Ignite engines, handlers, checkpoints."""
