"""What a machine with one CUDA GPU is to show: `make gpu`."""
