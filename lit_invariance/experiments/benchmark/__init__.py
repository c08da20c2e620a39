"""What the program costs in time and memory, as ratios measured in one run: `make benchmark`."""
