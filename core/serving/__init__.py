"""Where runs execute for a server: engine, journal, cluster and metrics."""
