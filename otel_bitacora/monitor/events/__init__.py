"""What happens on the host between two samples: each source says it at once, in a log record, and has the sampler look."""
