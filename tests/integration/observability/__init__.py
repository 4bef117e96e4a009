"""A real worker's metrics, and the real Prometheus that reads them, where there is one."""
