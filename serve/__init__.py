"""Artifact to service. Nothing here imports torch for an ONNX artifact."""
