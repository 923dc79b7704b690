"""The cost model: what a cut model takes on a device, learned from timing cuts of the untrained model."""
