"""The physical cut: plan, surgery, and the proof that nothing changed."""
