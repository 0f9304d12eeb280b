"""The running whole: settings in, one port and one sampler out."""
