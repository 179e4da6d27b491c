"""What is attached to the trainer, one handler a file."""
