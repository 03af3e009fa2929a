"""What the papers claim, learned again side by side: ablations, and inputs moved apart."""
