"""The late-fusion network: encoders, shared latent, mixture of experts, classifier."""
