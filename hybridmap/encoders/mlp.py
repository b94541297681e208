"""Multi-layer perceptron from covariates to raw parameters."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
}


class MLP(nn.Module):
    """Fully connected network.

    Parameters
    ----------
    n_inputs, n_outputs : int
        Numbers of covariates and of raw parameters.
    hidden : sequence of int
        Widths of the hidden layers.
    activation : str
        One of `ACTIVATIONS`.
    dropout : float
        Share of hidden units dropped in training, after every hidden layer but the last.
    """

    def __init__(
        self,
        n_inputs: int,
        n_outputs: int,
        hidden: Sequence[int] = (64, 32),
        activation: str = "gelu",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if activation not in ACTIVATIONS:
            raise ValueError(f"no activation '{activation}'; there are {sorted(ACTIVATIONS)}.")
        layers: list[nn.Module] = []
        width = n_inputs
        for depth, next_width in enumerate(hidden):
            layers += [nn.Linear(width, next_width), ACTIVATIONS[activation]()]
            if dropout and depth < len(hidden) - 1:
                layers.append(nn.Dropout(dropout))
            width = next_width
        head = nn.Linear(width, n_outputs)
        # A small head: predictions start near the defaults of the parameters, for every site.
        nn.init.normal_(head.weight, std=0.1 / max(width, 1) ** 0.5)
        nn.init.zeros_(head.bias)
        self.layers = nn.Sequential(*layers, head)

    def forward(self, covariates: Tensor) -> Tensor:
        """Standardised covariates (site, n_inputs) to raw parameters (site, n_outputs)."""
        out: Tensor = self.layers(covariates)
        return out
