"""Load through real workers while parts of the machine are killed; then a separate reader judges."""
