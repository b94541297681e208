"""Time ten folds of one experiment at the size of LUCAS, against an ordinary DataLoader loop and Lightning.

    pip install lightning
    python benchmarks/training_speed.py [--process none] [--device cuda]

16,743 sites x 168 covariates, batches of 2,048, an MLP of 256-128-64-32 units, all targets with their real counts; each
way trains ten folds for the same epochs with the same model, loss (1 - KGE), AdamW and clipping, and looks at the
validation part once an epoch. `--process none` is the pure network.
"""

import argparse
import logging
import time
import warnings

import lightning
import torch
from torch.utils.data import DataLoader, TensorDataset

from hybridmap.model.specification import build_model
from hybridmap.train import Member, SiteData, TrainingOptions, fit_members
from hybridmap.train.losses import multi_task_loss
from hybridmap.train.member import prepare

SITES, COVARIATES, BATCH, FOLDS, EPOCHS = 16_743, 168, 2048, 10, 6
COUNTS = {"soc": 11_610, "poc": 5_700, "moc": 5_700, "mbc": 331}
TARGETS = list(COUNTS)


def spec(process: str) -> dict[str, object]:
    five_pool = {"name": "five_pool", "options": {"formulation": "constrained"}}
    return {
        "process": None if process == "none" else five_pool,
        "neural": "all", "shared": "none", "fixed": {}, "bounds": {}, "constraint": "sigmoid",
        "encoder": {"name": "mlp", "hidden": [256, 128, 64, 32], "activation": "gelu", "dropout": 0.0},
        "covariates": [f"c{i}" for i in range(COVARIATES)], "forcing": ["npp", "mat"],
        "forcing_constants": {"depth": 0.2}, "targets": TARGETS,
    }  # fmt: skip


def sites() -> SiteData:
    g = torch.Generator().manual_seed(0)
    forcing = {"npp": 200 + 600 * torch.rand(SITES, generator=g), "mat": 2 + 14 * torch.rand(SITES, generator=g)}
    targets = {}
    for name, count in COUNTS.items():
        values = torch.exp(torch.randn(SITES, generator=g))
        values[torch.randperm(SITES, generator=g)[count:]] = float("nan")
        targets[name] = values
    return SiteData(torch.randn(SITES, COVARIATES, generator=g), forcing, targets)


def folds() -> list[tuple[torch.Tensor, torch.Tensor]]:
    fold = torch.arange(SITES) % FOLDS
    return [
        (((fold != k) & (fold != (k + 1) % FOLDS)).nonzero()[:, 0], (fold == (k + 1) % FOLDS).nonzero()[:, 0])
        for k in range(FOLDS)
    ]


def fresh(process: str, data: SiteData, rows: torch.Tensor) -> torch.nn.Module:
    torch.manual_seed(0)
    model = build_model(spec(process)).to(data.covariates.device)
    prepare(model, data.rows(rows))
    return model


def dataset(data: SiteData, rows: torch.Tensor) -> TensorDataset:
    part = data.rows(rows)
    return TensorDataset(part.covariates, *part.forcing.values(), *part.targets.values())


def loss_of(model: torch.nn.Module, batch: list[torch.Tensor]) -> torch.Tensor:
    x, npp, mat, *targets = batch
    out = model(x, {"npp": npp, "mat": mat})
    return multi_task_loss(out, dict(zip(TARGETS, targets, strict=True))).total


def with_loop(process: str, data: SiteData) -> None:
    for training, validation in folds():
        model = fresh(process, data, training)
        optimiser = torch.optim.AdamW(model.parameters(), lr=0.005, weight_decay=1e-4)
        train = DataLoader(dataset(data, training), batch_size=BATCH, shuffle=True)
        check = DataLoader(dataset(data, validation), batch_size=BATCH)
        for _ in range(EPOCHS):
            model.train()
            for batch in train:
                optimiser.zero_grad()
                loss_of(model, batch).backward()
                torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimiser.step()
            model.eval()
            with torch.no_grad():
                for batch in check:
                    loss_of(model, batch)


class Module(lightning.LightningModule):
    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def training_step(self, batch: list[torch.Tensor], index: int) -> torch.Tensor:
        return loss_of(self.model, batch)

    def validation_step(self, batch: list[torch.Tensor], index: int) -> None:
        loss_of(self.model, batch)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.parameters(), lr=0.005, weight_decay=1e-4)


def with_lightning(process: str, data: SiteData) -> None:
    for training, validation in folds():
        trainer = lightning.Trainer(
            max_epochs=EPOCHS, accelerator="gpu" if data.covariates.is_cuda else "cpu", gradient_clip_val=1.0,
            logger=False, enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
            num_sanity_val_steps=0,
        )  # fmt: skip
        trainer.fit(
            Module(fresh(process, data, training)),
            DataLoader(dataset(data, training), batch_size=BATCH, shuffle=True),
            DataLoader(dataset(data, validation), batch_size=BATCH),
        )


def with_hybridmap(process: str, data: SiteData) -> None:
    members = []
    for training, validation in folds():
        torch.manual_seed(0)
        members.append(Member(build_model(spec(process)).to(data.covariates.device), training, validation))
    fit_members(members, data, TrainingOptions(max_epochs=EPOCHS, patience=EPOCHS, batch_size=BATCH))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--process", default="five_pool", choices=["five_pool", "none"])
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore")
    base = sites()
    data = SiteData(
        base.covariates.to(args.device),
        {k: v.to(args.device) for k, v in base.forcing.items()},
        {k: v.to(args.device) for k, v in base.targets.items()},
    )
    times = {}
    for name, run in (("DataLoader loop", with_loop), ("Lightning", with_lightning), ("hybridmap", with_hybridmap)):
        start = time.perf_counter()
        run(args.process, data)
        times[name] = time.perf_counter() - start
    print(f"{FOLDS} folds x {EPOCHS} epochs, {args.process}, {args.device}, {torch.get_num_threads()} threads")
    for name, seconds in times.items():
        milliseconds = 1e3 * seconds / EPOCHS
        ratio = seconds / times["hybridmap"]
        print(f"  {name:16s} {seconds:7.2f} s   {milliseconds:8.1f} ms an epoch of all folds   {ratio:5.1f}x")


if __name__ == "__main__":
    main()
