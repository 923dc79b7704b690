"""Programs that run on the device, each a file of its own; the host copies and starts them, and never imports them."""
