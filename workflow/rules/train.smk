# All folds of an experiment train side by side in one job; with `fan_out: true` every fold is a job of its own.
if CONFIG.fan_out:

    rule train:
        input:
            settings=EXPERIMENT.settings,
            samples=FILES.samples,
            splits=FILES.splits,
        output:
            weights=EXPERIMENT.fold("{fold}").weights,
            model=EXPERIMENT.fold("{fold}").specification,
            history=EXPERIMENT.fold("{fold}").history,
        log:
            f"{LOGS}/train/{{experiment}}_{{fold}}.log",
        benchmark:
            f"{BENCHMARKS}/train/{{experiment}}_{{fold}}.tsv"
        conda:
            "../../envs/hybridmap.yaml"
        threads: 1
        resources:
            mem_mb=3000,
            runtime=120,
        params:
            folder=lambda wildcards, output: Path(output.history).parents[1].as_posix(),
            code=code_of("train"),
            tables=content(inputs.experiment_files, "experiment"),
            lost=lost(
                EXPERIMENT.fold("{fold}").weights,
                EXPERIMENT.fold("{fold}").specification,
                EXPERIMENT.fold("{fold}").history,
            ),
        shell:
            "hybridmap train {input.settings:q} --experiment {wildcards.experiment:q} --fold {wildcards.fold:q}"
            " --samples {input.samples:q} --splits {input.splits:q} --out {params.folder:q} --threads {threads}"
            " --log {log:q}"

else:

    for name in EXPERIMENTS:

        rule:
            name:
                f"train_{name}"
            input:
                settings=FILES.experiment(name).settings,
                samples=FILES.samples,
                splits=FILES.splits,
            output:
                models_of(name),
            log:
                f"{LOGS}/train/{name}.log",
            benchmark:
                f"{BENCHMARKS}/train/{name}.tsv"
            conda:
                "../../envs/hybridmap.yaml"
            threads: 1
            resources:
                mem_mb=3000,
                runtime=240,
            params:
                experiment=name,
                folds=folds_of(name),
                folder=lambda wildcards, output: Path(output[0]).parents[2].as_posix(),
                code=code_of("train", name),
                tables=DIGESTS.of(inputs.experiment_files(CONFIG, name)),
                lost=lost(*models_of(name)),
            shell:
                "hybridmap train {input.settings:q} --experiment {params.experiment:q} --fold {params.folds:q}"
                " --samples {input.samples:q} --splits {input.splits:q} --out {params.folder:q} --threads {threads}"
                " --log {log:q}"


rule evaluate:
    input:
        settings=EXPERIMENT.settings,
        samples=FILES.samples,
        splits=FILES.splits,
        models=lambda wildcards: expand(
            EXPERIMENT.fold("{fold}").weights,
            experiment=wildcards.experiment,
            fold=[f for f in folds_of(wildcards.experiment) if f != MAP_FOLD],
        ),
    output:
        predictions=EXPERIMENT.scores.predictions,
        metrics=EXPERIMENT.scores.metrics,
        intervals=EXPERIMENT.scores.intervals,
        conformal=EXPERIMENT.scores.conformal,
    log:
        f"{LOGS}/evaluate/{{experiment}}.log",
    benchmark:
        f"{BENCHMARKS}/evaluate/{{experiment}}.tsv"
    conda:
        "../../envs/hybridmap.yaml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=20,
    params:
        folder=subpath(output.metrics, parent=True),
        folds=lambda wildcards, input: [
            Path(m).parent.parent.as_posix() for m in input.models
        ],
        code=code_of("evaluate"),
        lost=lost(
            EXPERIMENT.scores.metrics,
            EXPERIMENT.scores.predictions,
            EXPERIMENT.scores.intervals,
            EXPERIMENT.scores.conformal,
        ),
    shell:
        "hybridmap evaluate {input.settings:q} --experiment {wildcards.experiment:q} --samples {input.samples:q}"
        " --splits {input.splits:q} --folds {params.folds:q} --out {params.folder:q} --threads {threads} --log {log:q}"


rule baseline:
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
    threads: 1
    resources:
        mem_mb=3000,
        runtime=60,
    params:
        folder=subpath(output.metrics, parent=True),
        code=stage_code("baseline"),
    shell:
        "hybridmap baseline {input.settings:q} --name {wildcards.baseline:q} --samples {input.samples:q}"
        " --splits {input.splits:q} --out {params.folder:q} --threads {threads} --log {log:q}"


rule fit:
    input:
        expand(rules.evaluate.output.metrics, experiment=EXPERIMENTS),
        expand(rules.baseline.output.metrics, baseline=CONFIG.baselines),
    localrule: True
