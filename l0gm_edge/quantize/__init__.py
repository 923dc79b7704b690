"""Numeric schemes: the calibration set and the quantized twins of each compiled model."""
