"""The types that defences compute with, and code that several of them share."""
