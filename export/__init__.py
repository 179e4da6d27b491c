"""Checkpoint to artifact: exporters and the parity gate."""
