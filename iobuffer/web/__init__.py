"""The HTTP side: for now its section of the configuration."""
