"""Faults injected on purpose, and what the program made of them."""
