"""The vertical grid of CLM5 [m]."""

from __future__ import annotations

import torch

LAYERS = 20

NODE_DEPTH = torch.tensor(
    [
        0.01, 0.04, 0.09, 0.16, 0.26, 0.40, 0.58, 0.80, 1.06, 1.36, 1.70, 2.08, 2.50, 2.99, 3.58, 4.27, 5.06, 5.95,
        6.94, 8.03, 9.795,
    ],
    dtype=torch.float64,
)  # fmt: skip
"""Depth of the layer nodes; the 21st is needed by the transport stencil only."""
THICKNESS = torch.tensor(
    [
        0.02, 0.04, 0.06, 0.08, 0.12, 0.16, 0.20, 0.24, 0.28, 0.32, 0.36, 0.40, 0.44, 0.54, 0.64, 0.74, 0.84, 0.94,
        1.04, 1.14,
    ],
    dtype=torch.float64,
)  # fmt: skip
INTERFACE = torch.tensor(
    [
        0.02, 0.06, 0.12, 0.20, 0.32, 0.48, 0.68, 0.92, 1.20, 1.52, 1.88, 2.28, 2.72, 3.26, 3.90, 4.64, 5.48, 6.42,
        7.46, 8.60, 10.99,
    ],
    dtype=torch.float64,
)  # fmt: skip
"""Depth of the lower interface of each layer."""
LAYER_INTERFACES = (0.0, *INTERFACE[:LAYERS].tolist())
"""Ends of the layers."""
