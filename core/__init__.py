"""What all stages share. Nothing here imports torch."""
