FIGURES = f"{REGION}/report/figures"


rule report:
    input:
        settings=f"{REGION}/settings/report.json",
        observations=f"{REGION}/observations.parquet",
        layers=expand(
            f"{REGION}/observations/{{source}}.parquet",
            source=[s.name for s in CONFIG.observations],
        ),
        reading=expand(
            f"{REGION}/observations/{{source}}.csv",
            source=[s.name for s in CONFIG.observations],
        ),
        quality=f"{REGION}/quality.csv",
        dropped=f"{REGION}/dropped.parquet",
        quality_samples=f"{REGION}/quality_samples.csv",
        samples=f"{REGION}/samples.parquet",
        splits=f"{REGION}/splits.parquet",
        store=f"{REGION}/covariates.zarr/zarr.json",
        metrics=expand(f"{EXPERIMENT}/evaluation/metrics.csv", experiment=EXPERIMENTS),
        intervals=expand(
            f"{EXPERIMENT}/evaluation/intervals.csv", experiment=EXPERIMENTS
        ),
        baselines=expand(
            f"{REGION}/baselines/{{baseline}}/metrics.csv", baseline=CONFIG.baselines
        ),
        predictions=expand(
            f"{EXPERIMENT}/evaluation/predictions.parquet", experiment=EXPERIMENTS
        ),
        verdicts=expand(
            f"{EXPERIMENT}/diagnostics/verdict.json", experiment=EXPERIMENTS
        ),
        maps=expand(f"{EXPERIMENT}/maps.json", experiment=MAPPED),
        described=expand(f"{EXPERIMENT}/item.json", experiment=MAPPED),
        totals=expand(
            f"{EXPERIMENT}/totals.csv", experiment=MAPPED if CONFIG.totals else []
        ),
        references=(
            expand(f"{EXPERIMENT}/reference.json", experiment=MAPPED)
            if CONFIG.reference
            else []
        ),
    output:
        page=report(
            f"{REGION}/report/index.html",
            caption="../report/report.rst",
            category="Report",
            labels={"what": "Full report"},
        ),
        soc=report(
            expand(f"{FIGURES}/{{experiment}}_soc.png", experiment=MAPPED),
            caption="../report/soc_map.rst",
            category="Maps",
        ),
        scatter=report(
            expand(f"{FIGURES}/{{experiment}}_scatter.png", experiment=EXPERIMENTS),
            caption="../report/scatter.rst",
            category="Evaluation",
        ),
        saturation=report(
            expand(
                f"{FIGURES}/{{experiment}}_saturation.png",
                experiment=SATURATING,
            ),
            caption="../report/saturation.rst",
            category="Diagnostics",
        ),
        comparison=report(
            f"{FIGURES}/comparison.png",
            caption="../report/comparison.rst",
            category="Evaluation",
        ),
        quality=report(
            f"{FIGURES}/quality.png", caption="../report/quality.rst", category="Data"
        ),
        splits=f"{FIGURES}/splits.png",
    log:
        f"{LOGS}/report.log",
    benchmark:
        f"{BENCHMARKS}/report.tsv"
    conda:
        "../../envs/hybridmap.yaml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=20,
    params:
        results=subpath(input.samples, parent=True),
        figures=subpath(output.comparison, parent=True),
        code=code_of("report", "plot"),
    shell:
        "hybridmap report {input.settings} --results {params.results} --out {output.page}"
        " --figures {params.figures} --log {log}"
