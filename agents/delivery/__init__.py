"""May this buyer have this lead now? The one writer of its caps answers."""
