"""Which addresses: who gets which, where that is remembered, and how another plugin is asked for them."""
