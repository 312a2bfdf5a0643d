"""Reads that operations, loaders and exports share; visibility is applied here and nowhere else."""
