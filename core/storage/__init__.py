"""Finished runs on disk, what is derived from them, uploads, and the gallery that ships."""
