"""Mutations of a region file into ``hybridmap check``."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from fuzz.attempt import Attempt, Propose, hybridmap
from fuzz.draw import pick
from fuzz.execution import CHECKOUT, Executor

Key = tuple[str | int, ...]
Mutation = Callable[[np.random.Generator, dict[str, Any]], tuple[str, bytes, bool]]
"""Returns the kind, the file, and whether it must be refused."""

REGION: dict[str, Any] = {
    "demo": {"sites": 100, "seed": 0},
    "data_root": "results/demo/inputs",
    "offline": False,
    "splits": [{"name": "block", "kind": "block", "folds": 4, "size_km": 20.0, "buffer_km": 1.0, "seed": 0}],
    "experiment_defaults": {"splits": ["block"]},
    "experiments": [
        {
            "name": "pools",
            "title": "Pools",
            "process": {"name": "five_pool", "options": {"formulation": "constrained"}},
            "neural": ["cue", "q_max"],
            "global": "all",
            "bounds": {"cue": [0.1, 0.6]},
            "start": {"km_p": 300.0},
            "encoder": {"name": "mlp", "hidden": [8, 4], "activation": "gelu", "dropout": 0.1},
            "constraint": {"name": "sigmoid", "temperature": 1.0},
            "targets": ["soc", "poc", "moc"],
            "loss": {"name": "smooth_l1", "weighting": "equal", "weights": {"soc": 2.0}, "beta": 1.0},
            "training": {
                "optimiser": "adamw",
                "learning_rate": 0.01,
                "global_learning_rate": 0.01,
                "weight_decay": 0.0001,
                "batch_size": 64,
                "max_epochs": 3,
                "patience": 3,
                "clip_norm": 1.0,
                "checkpoint_every": 2,
                "warmup_epochs": 0,
                "tensorboard": False,
            },
            "uncertainty": {"method": "ensemble", "members": 2, "level": 0.9},
            "seed": 1,
            "map": True,
        },
        {"name": "network", "process": None, "encoder": {"name": "kan", "intervals": 5, "margin": 1.0}},
    ],
    "baselines": ["linear"],
    "search": {
        "experiments": ["pools"],
        "over": {"training.learning_rate": [0.001, 0.01], "neural": [["cue"], ["cue", "q_max"]]},
        "draws": 2,
        "seeds": 1,
        "score": "nse",
        "target": "soc",
    },
    "predict": {
        "tile": 64,
        "workers": 1,
        "parts": 1,
        "interval_of": ["soc"],
        "references": 100,
        "scenarios": {"warmer": {"mat": {"add": 2.0}}},
        "packed": {"soc": 0.01},
    },
}
"""Laid over config.yaml: one of nearly every key, so that each can be mutated."""
BUILD = {
    "min_coverage": 0.8,
    "max_gap_cm": 5.0,
    "smoothing": 0.1,
    "stocks_cm": [30.0, 100.0],
    "limits": {"max_oc_g_kg": 600.0, "min_thickness_cm": 2.0, "max_bulk_density_g_cm3": 2.0},
}

NUMBERS = (".nan", ".inf", "-.inf", "yes", "1:30", "abc", "2024-01-01", "!!python/name:os.system", "{a: 1}", "''")
TEXTS = (".nan", "yes", "1:30", "2024-01-01")
SWITCHES = (".nan", "1:30", "abc", "7", "2024-01-01")
NONSENSE: dict[type, tuple[str, ...]] = {int: NUMBERS, float: NUMBERS, str: TEXTS, bool: SWITCHES}
"""What must be refused in place of a value of a type."""
NUMERIC_EXTREMES = ("0", "-1", "1e9", "1e308", "-1e308", "1e-300", str(2**70), "1000000000", "0.5", "null", "[]", "'1'")
TEXT_EXTREMES = (
    *("''", "x" * 300, "../../x", "a\\b", "größe", "'a\nb'", '"a\\0b"', "{}", "[]", "null", "$HOME", "zzz"),
    "!!binary aGk=",
)
MARK = "QQMARKQQ"


def prepare(_folder: Path, _executor: Executor) -> Propose:
    """Make the campaign; attempts share nothing on disk."""
    base = yaml.safe_load((CHECKOUT / "config.yaml").read_text(encoding="utf-8")) | copy.deepcopy(REGION)
    base["build"] = base.get("build", {}) | BUILD

    def propose(source: np.random.Generator, number: int, folder: Path) -> Attempt:
        mutation = MUTATIONS[number % len(MUTATIONS)] if number else unchanged
        title, content, must_refuse = mutation(source, copy.deepcopy(base))
        (folder / "region.yaml").write_bytes(content)
        return Attempt(title, [hybridmap("check", "region.yaml")], must_refuse=must_refuse, must_work=number == 0)

    return propose


def unchanged(_source: np.random.Generator, base: dict[str, Any]) -> tuple[str, bytes, bool]:
    """Return the region file as it is, which must work."""
    return "unchanged", _text(base), False


def nonsense(source: np.random.Generator, base: dict[str, Any]) -> tuple[str, bytes, bool]:
    """Replace a value by what no value of its type may be."""
    key, value = pick(source, [(k, v) for k, v in leaves(base) if v is not None])
    text = pick(source, NONSENSE[type(value)])
    return f"{text} for a {type(value).__name__}: {_dotted(key)}", _text(_with(base, key, MARK), text), True


def extreme(source: np.random.Generator, base: dict[str, Any]) -> tuple[str, bytes, bool]:
    """Replace a value by one that is odd, but may be right."""
    key, value = pick(source, list(leaves(base)))
    text = pick(source, TEXT_EXTREMES if isinstance(value, str) else NUMERIC_EXTREMES)
    return f"extreme {text[:20]}: {_dotted(key)}", _text(_with(base, key, MARK), text), False


def unknown_key(source: np.random.Generator, base: dict[str, Any]) -> tuple[str, bytes, bool]:
    """Add a key that there is not."""
    key, mapping = pick(source, list(mappings(base)))
    mapping["zzz_unknown"] = pick(source, [1, "text", [0, 1], {"a": 1}])
    return f"unknown key: under '{_dotted(key)}'", _text(base), True


def misspelt_key(source: np.random.Generator, base: dict[str, Any]) -> tuple[str, bytes, bool]:
    """Misspell a key; keys that name things of the user's own are left."""
    key, mapping = pick(source, [(k, m) for k, m in mappings(base) if m and k[-1:] != ("scenarios",)])
    name = pick(source, list(mapping))
    mapping[f"{name}x"] = mapping.pop(name)
    return f"misspelt key: '{_dotted((*key, name))}'", _text(base), True


def unknown_name(source: np.random.Generator, base: dict[str, Any]) -> tuple[str, bytes, bool]:
    """Name something that there is not, where names refer to something."""
    keys: list[Key] = [
        ("experiments", 0, "process", "name"),
        ("experiments", 0, "process", "options", "formulation"),
        ("experiments", 0, "neural", 0),
        ("experiments", 0, "targets", 0),
        ("experiments", 0, "encoder", "name"),
        ("experiments", 0, "encoder", "activation"),
        ("experiments", 0, "constraint", "name"),
        ("experiments", 0, "loss", "name"),
        ("experiments", 0, "training", "optimiser"),
        ("experiment_defaults", "splits", 0),
        ("splits", 0, "kind"),
        ("build", "pedotransfer"),
        ("baselines", 0),
        ("predict", "interval_of", 0),
        ("grid", "crs"),
        ("observations", 0, "columns", "oc_g_kg", "unit"),
        ("covariates", 0, "kind"),
    ]
    key = pick(source, keys)
    return f"unknown name: {_dotted(key)}", _text(_with(base, key, "zzz")), True


def twice(source: np.random.Generator, base: dict[str, Any]) -> tuple[str, bytes, bool]:
    """Write a key of a mapping twice."""
    key, mapping = pick(source, [(k, m) for k, m in mappings(base) if m])
    name = str(pick(source, list(mapping)))
    mapping[MARK] = mapping[name]
    return f"duplicate key: under '{_dotted(key)}'", _text(base, name), True


def listed_twice(source: np.random.Generator, base: dict[str, Any]) -> tuple[str, bytes, bool]:
    """List an entry twice."""
    names = ("observations", "covariates", "forcing", "splits", "experiments", "baselines")
    name = pick(source, names)
    base[name].append(copy.deepcopy(pick(source, base[name])))
    return f"entry twice: {name}", _text(base), True


def removed(source: np.random.Generator, base: dict[str, Any]) -> tuple[str, bytes, bool]:
    """Remove a key, which may have a default."""
    key, mapping = pick(source, [(k, m) for k, m in mappings(base) if m])
    name = pick(source, list(mapping))
    del mapping[name]
    return f"without: {_dotted((*key, name))}", _text(base), False


def reversed_pair(source: np.random.Generator, base: dict[str, Any]) -> tuple[str, bytes, bool]:
    """Reverse or repeat what must rise."""
    keys: list[Key] = [("grid", "bounds"), ("experiments", 0, "bounds", "cue"), ("build", "stocks_cm")]
    key = pick(source, keys)
    values = _at(base, key)
    equal = bool(source.integers(2))
    fault = [values[0]] * len(values) if equal else values[::-1]
    must_refuse = equal or key[-1] != "stocks_cm"
    return f"{'equal' if equal else 'reversed'}: {_dotted(key)}", _text(_with(base, key, fault)), must_refuse


def nested(source: np.random.Generator, base: dict[str, Any]) -> tuple[str, bytes, bool]:
    """Nest a value deeply."""
    key, _ = pick(source, list(leaves(base)))
    depth = int(pick(source, [50, 500, 5000, 50_000]))
    left, right = pick(source, [("[", "]"), ("{a: ", "}"), ("- ", "")])
    text = _text(_with(base, key, MARK), left * depth + "1" + right * depth)
    return f"deep nesting: {depth} of {left}", text, depth > 50


def bytes_changed(source: np.random.Generator, base: dict[str, Any]) -> tuple[str, bytes, bool]:
    """Change a few bytes of the file, which may make another sound file."""
    content = bytearray(_text(base))
    for _ in range(int(source.integers(1, 6))):
        content[int(source.integers(len(content)))] = int(source.integers(256))
    return "bytes changed", bytes(content), False


def cut(source: np.random.Generator, base: dict[str, Any]) -> tuple[str, bytes, bool]:
    """Cut the file somewhere."""
    content = _text(base)
    return "file cut", content[: int(source.integers(len(content)))], False


def whole_file(source: np.random.Generator, base: dict[str, Any]) -> tuple[str, bytes, bool]:
    """Give a file that is no region file at all."""
    text = _text(base)
    laughs = "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12))
    files = {
        "empty": b"",
        "blank": b"\n  \n",
        "a list": b"- 1\n- 2\n",
        "a number": b"7\n",
        "not UTF-8": text.replace(b"title: ", b"title: \xff\xfe\xe9 "),
        "Latin-1": text.replace(b"title: ", "title: Köln ".encode("latin-1")),
        "binary": bytes(source.integers(0, 256, 400, dtype=np.uint8)),
        "two documents": text + b"---\n" + text,
        "billion laughs": text + laughs.encode(),
        "tabs": text.replace(b"  ", b"\t"),
        "merge of a text": text + b"<<: abc\n",
        "an alias of itself": text + b"title: &t [*t]\n",
        "complex key": text + b"? [a, b]\n: 1\n",
        "key of a number": text + b"5: 1\n",
        "key of null": text + b"~: 1\n",
        "NUL": text + b"title: a\x00b\n",
    }
    title = pick(source, list(files))
    return f"no region file: {title}", files[title], True


MUTATIONS: tuple[Mutation, ...] = (
    *(nonsense, extreme, nonsense, unknown_key, extreme, twice, nonsense, misspelt_key, extreme, unknown_name),
    *(listed_twice, nonsense, removed, reversed_pair, extreme, nested, bytes_changed, cut, whole_file),
)
"""In the order of attempts; those with many variants come more often."""


def leaves(node: Any, key: Key = ()) -> Iterator[tuple[Key, Any]]:
    """Key and value of all that is neither mapping nor list."""
    if isinstance(node, dict | list):
        for name, value in node.items() if isinstance(node, dict) else enumerate(node):
            yield from leaves(value, (*key, name))
    else:
        yield key, node


def mappings(node: Any, key: Key = ()) -> Iterator[tuple[Key, dict[str, Any]]]:
    """Key and content of all mappings."""
    if isinstance(node, dict):
        yield key, node
    if isinstance(node, dict | list):
        for name, value in node.items() if isinstance(node, dict) else enumerate(node):
            yield from mappings(value, (*key, name))


def _at(node: Any, key: Key) -> Any:
    for name in key:
        node = node[name]
    return node


def _with(base: dict[str, Any], key: Key, value: Any) -> dict[str, Any]:
    _at(base, key[:-1])[key[-1]] = value
    return base


def _text(base: dict[str, Any], replacement: str = "") -> bytes:
    return yaml.safe_dump(base, sort_keys=False, allow_unicode=True).replace(MARK, replacement).encode()


def _dotted(key: Key) -> str:
    return ".".join("#" if isinstance(name, int) else str(name) for name in key)
