"""Plans to begin with: `reference.yaml` is the form, `demo.yaml` the demo's, `us500.yaml` fits us-500.csv."""
