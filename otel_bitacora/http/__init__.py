"""What every HTTP endpoint shares: the app factory, who may ask, and how a refusal looks."""
