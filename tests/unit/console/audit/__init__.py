"""The auditor, held against clean topics and against planted violations."""
