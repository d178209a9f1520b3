"""Where runs execute for a server: engine, workers, journal and cluster; and what its web server adds to pages."""
