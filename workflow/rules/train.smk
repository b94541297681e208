# All folds of an experiment train side by side in one job; with `fan_out: true` every fold is a job of its own.
if CONFIG.fan_out:

    rule train:
        input:
            settings=f"{EXPERIMENT}/settings.json",
            samples=f"{REGION}/samples.parquet",
            splits=f"{REGION}/splits.parquet",
        output:
            weights=f"{EXPERIMENT}/{{fold}}/model/weights.safetensors",
            model=f"{EXPERIMENT}/{{fold}}/model/model.yaml",
            history=f"{EXPERIMENT}/{{fold}}/history.parquet",
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
            code=code_of(*CORE, "samples/folds"),
            source=lambda wildcards: source_of(wildcards.experiment),
        shell:
            "hybridmap train {input.settings} --experiment {wildcards.experiment} --fold {wildcards.fold}"
            " --samples {input.samples} --splits {input.splits} --out {params.folder} --threads {threads} --log {log}"

else:

    for name in EXPERIMENTS:

        rule:
            name:
                f"train_{name}"
            input:
                settings=f"{REGION}/experiments/{name}/settings.json",
                samples=f"{REGION}/samples.parquet",
                splits=f"{REGION}/splits.parquet",
            output:
                expand(
                    f"{REGION}/experiments/{name}/{{fold}}/{{file}}",
                    fold=folds_of(name),
                    file=[
                        "model/weights.safetensors",
                        "model/model.yaml",
                        "history.parquet",
                    ],
                ),
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
                code=code_of(*CORE, "samples/folds"),
                source=source_of(name),
            shell:
                "hybridmap train {input.settings} --experiment {params.experiment} --fold {params.folds}"
                " --samples {input.samples} --splits {input.splits} --out {params.folder} --threads {threads} --log {log}"


rule evaluate:
    input:
        settings=f"{EXPERIMENT}/settings.json",
        samples=f"{REGION}/samples.parquet",
        splits=f"{REGION}/splits.parquet",
        models=lambda wildcards: expand(
            f"{EXPERIMENT}/{{fold}}/model/weights.safetensors",
            experiment=wildcards.experiment,
            fold=[f for f in folds_of(wildcards.experiment) if f != MAP_FOLD],
        ),
    output:
        predictions=f"{EXPERIMENT}/evaluation/predictions.parquet",
        metrics=f"{EXPERIMENT}/evaluation/metrics.csv",
        intervals=f"{EXPERIMENT}/evaluation/intervals.csv",
        conformal=f"{EXPERIMENT}/evaluation/conformal.json",
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
        code=code_of(
            *CORE, "evaluate", "evaluate", "model", "evaluate", "samples/folds"
        ),
    shell:
        "hybridmap evaluate {input.settings} --experiment {wildcards.experiment} --samples {input.samples}"
        " --splits {input.splits} --folds {params.folds} --out {params.folder} --threads {threads} --log {log}"


rule baseline:
    input:
        settings=f"{REGION}/settings/baseline.json",
        samples=f"{REGION}/samples.parquet",
        splits=f"{REGION}/splits.parquet",
    output:
        predictions=f"{REGION}/baselines/{{baseline}}/predictions.parquet",
        metrics=f"{REGION}/baselines/{{baseline}}/metrics.csv",
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
        code=code_of("evaluate", "evaluate", "evaluate", "samples/folds"),
    shell:
        "hybridmap baseline {input.settings} --name {wildcards.baseline} --samples {input.samples}"
        " --splits {input.splits} --out {params.folder} --threads {threads} --log {log}"


rule fit:
    input:
        expand(rules.evaluate.output.metrics, experiment=EXPERIMENTS),
        expand(rules.baseline.output.metrics, baseline=CONFIG.baselines),
    localrule: True
