"""State machines that are right by construction."""
