"""The distribution plan: its model, its language of conditions, its checks."""
