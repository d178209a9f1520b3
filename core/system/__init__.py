"""What any program needs: errors, paths, files, caches, devices, logs and settings."""
