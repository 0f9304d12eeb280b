"""The Monitor: one sampler reads the host, and every door out of it shows the same snapshot."""
