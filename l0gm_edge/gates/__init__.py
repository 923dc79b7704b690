"""L0 gates: the stochastic gate, the sites of a model, and where its consumers read through it."""
