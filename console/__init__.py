"""Everything that faces a person: the `leadflow` command, the one-machine cluster, the demo."""
