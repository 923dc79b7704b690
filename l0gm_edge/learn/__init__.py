"""Training: the dense reference, the gated model, and the recovery after the cut."""
