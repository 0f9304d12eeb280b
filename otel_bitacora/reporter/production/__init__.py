"""Where records go from the journal: exporters, and the shipper that drives them."""
