"""The commands: what the executable does when a person calls it, and no runtime."""
