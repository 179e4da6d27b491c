"""wfctl: from a PyTorch recipe to a verified HTTP service.

The repository root is this package: `train/` at the root is imported as `wfctl.train`.
It is the only Python file at the root (docs/decisions/0001-root-is-the-package.md).
"""

__version__ = "0.1.0"
