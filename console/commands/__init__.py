"""The commands of `leadflow`, one module each; the table in `console/cli.py` names them."""
