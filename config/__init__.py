"""What people set: settings of the process, the distribution plan."""
