"""Artifact to report: latency, profiles, comparisons."""
