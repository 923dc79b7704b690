"""Timing artifacts on a device, with raw samples, outputs and conditions brought back."""
