# All folds of an experiment train side by side in one job; with `fan_out: true` every fold is a job of its own.
TRAINING = "{experiment}_{fold}" if CONFIG.fan_out else "{experiment}"


rule train:
    """Models of an experiment: all folds, or one with fan_out."""
    input:
        settings=EXPERIMENT.settings,
        samples=FILES.samples,
        splits=FILES.splits,
    output:
        sums=trained(),
    log:
        f"{LOGS}/train/{TRAINING}.log",
    benchmark:
        f"{BENCHMARKS}/train/{TRAINING}.tsv"
    conda:
        "../../envs/hybridmap.yaml"
    threads: NEEDS["train"]["threads"]
    resources:
        **needs("train", time=1 if CONFIG.fan_out else 2),
    params:
        folds=lambda wildcards: wildcards.get("fold") or folds_of(wildcards.experiment),
        folder=(
            subpath(output.sums, parent=True)
            if CONFIG.fan_out
            else subpath(output.sums, strip_suffix=".sums")
        ),
        code=code_of("train"),
        tables=content(inputs.experiment_files, "experiment"),
        lost=lost(trained(), store_of(trained())),
    shell:
        "hybridmap train {input.settings:q} --experiment {wildcards.experiment:q} --fold {params.folds:q}"
        " --samples {input.samples:q} --splits {input.splits:q} --out {params.folder:q} --sums {output.sums:q}"
        " --threads {threads} --log {log:q}"


rule evaluate:
    """Scores and intervals of an experiment on held-out sites."""
    input:
        settings=EXPERIMENT.settings,
        samples=FILES.samples,
        splits=FILES.splits,
        trained=lambda wildcards: all_trained(wildcards.experiment, is_mapped=False),
    output:
        predictions=EXPERIMENT.scores.predictions,
        metrics=EXPERIMENT.scores.metrics,
        intervals=EXPERIMENT.scores.intervals,
        areas=EXPERIMENT.scores.area_intervals,
        conformal=EXPERIMENT.scores.conformal,
    log:
        f"{LOGS}/evaluate/{{experiment}}.log",
    benchmark:
        f"{BENCHMARKS}/evaluate/{{experiment}}.tsv"
    conda:
        "../../envs/hybridmap.yaml"
    threads: NEEDS["evaluate"]["threads"]
    resources:
        **needs("evaluate"),
    params:
        folder=str(EXPERIMENT.scores.folder),
        folds=lambda wildcards: [
            str(FILES.experiment(wildcards.experiment).fold(fold).folder)
            for fold in folds_of(wildcards.experiment)
            if fold != MAP_FOLD
        ],
        code=code_of("evaluate"),
        lost=lost(
            EXPERIMENT.scores.metrics,
            EXPERIMENT.scores.predictions,
            EXPERIMENT.scores.intervals,
            EXPERIMENT.scores.area_intervals,
            EXPERIMENT.scores.conformal,
        ),
    shell:
        "hybridmap evaluate {input.settings:q} --experiment {wildcards.experiment:q} --samples {input.samples:q}"
        " --splits {input.splits:q} --folds {params.folds:q} --out {params.folder:q} --threads {threads} --log {log:q}"


rule baseline:
    """An ordinary model on the same folds."""
    input:
        settings=FILES.settings("baseline"),
        samples=FILES.samples,
        splits=FILES.splits,
    output:
        predictions=FILES.baseline("{baseline}").predictions,
        metrics=FILES.baseline("{baseline}").metrics,
    log:
        f"{LOGS}/baselines/{{baseline}}.log",
    benchmark:
        f"{BENCHMARKS}/baselines/{{baseline}}.tsv"
    conda:
        "../../envs/hybridmap.yaml"
    threads: NEEDS["baseline"]["threads"]
    resources:
        **needs("baseline"),
    params:
        folder=subpath(output.metrics, parent=True),
        code=stage_code("baseline"),
    shell:
        "hybridmap baseline {input.settings:q} --name {wildcards.baseline:q} --samples {input.samples:q}"
        " --splits {input.splits:q} --out {params.folder:q} --threads {threads} --log {log:q}"


# Baselines stand in the ladder in the order of the region file.
rule ladder:
    """Skill of an experiment between mean, baselines and ceiling."""
    input:
        settings=EXPERIMENT.settings,
        samples=FILES.samples,
        splits=FILES.splits,
        predictions=EXPERIMENT.scores.predictions,
        baselines=expand(
            FILES.baseline("{baseline}").predictions, baseline=CONFIG.baselines
        ),
    output:
        table=EXPERIMENT.scores.ladder,
        skill=EXPERIMENT.scores.skill,
        bias=EXPERIMENT.scores.bias,
        variogram=EXPERIMENT.scores.variogram,
    log:
        f"{LOGS}/ladder/{{experiment}}.log",
    benchmark:
        f"{BENCHMARKS}/ladder/{{experiment}}.tsv"
    conda:
        "../../envs/hybridmap.yaml"
    threads: NEEDS["ladder"]["threads"]
    resources:
        **needs("ladder"),
    params:
        folder=subpath(output.table, parent=True),
        baselines=[
            str(FILES.baseline(baseline).folder) for baseline in CONFIG.baselines
        ],
        code=stage_code("ladder"),
        lost=lost(
            EXPERIMENT.scores.skill,
            EXPERIMENT.scores.ladder,
            EXPERIMENT.scores.bias,
            EXPERIMENT.scores.variogram,
        ),
    shell:
        "hybridmap ladder {input.settings:q} --experiment {wildcards.experiment:q} --samples {input.samples:q}"
        " --splits {input.splits:q} --predictions {input.predictions:q} --baselines {params.baselines:q}"
        " --out {params.folder:q} --log {log:q}"


rule fit:
    """Stage: training, scores and baselines."""
    input:
        expand(rules.evaluate.output.metrics, experiment=EXPERIMENTS),
        expand(rules.ladder.output.skill, experiment=EXPERIMENTS),
        expand(rules.baseline.output.metrics, baseline=CONFIG.baselines),
    localrule: True
