FIGURES = {
    figure: expand(FILES.figure(f"{{experiment}}_{figure}"), experiment=names)
    for figure, names in {
        "soc": WITH_SOC_MAP,
        "scatter": EXPERIMENTS,
        "saturation": SATURATING,
    }.items()
}


rule report:
    """The report of the region."""
    input:
        settings=FILES.settings("report"),
        observations=FILES.observations,
        layers=expand(
            FILES.source("{source}"),
            source=SOURCES,
        ),
        reading=expand(
            FILES.source_quality("{source}"),
            source=SOURCES,
        ),
        quality=FILES.quality,
        dropped=FILES.dropped,
        quality_samples=FILES.sample_quality,
        dropped_samples=FILES.sample_dropped,
        samples=FILES.samples,
        splits=FILES.splits,
        store=metadata(FILES.cube),
        metrics=expand(EXPERIMENT.scores.metrics, experiment=EXPERIMENTS),
        ladders=expand(EXPERIMENT.scores.ladder, experiment=EXPERIMENTS),
        residuals=expand(
            [EXPERIMENT.scores.bias, EXPERIMENT.scores.variogram],
            experiment=EXPERIMENTS,
        ),
        intervals=expand(EXPERIMENT.scores.intervals, experiment=EXPERIMENTS),
        baselines=expand(
            FILES.baseline("{baseline}").metrics, baseline=CONFIG.baselines
        ),
        predictions=expand(EXPERIMENT.scores.predictions, experiment=EXPERIMENTS),
        verdicts=expand(EXPERIMENT.verdict, experiment=EXPERIMENTS),
        identifiability=[
            *expand(EXPERIMENT.starts.table, experiment=STARTED),
            *expand(
                EXPERIMENT.identifiability.table,
                experiment=[e for e in EXPERIMENTS if e not in STARTED],
            ),
        ],
        # Made on request by `snakemake relationships`, then kept up to date.
        relationships=[
            file
            for file in expand(EXPERIMENT.relationships.table, experiment=EXPERIMENTS)
            if Path(file).is_file()
        ],
        maps=expand(EXPERIMENT.map_list, experiment=MAPPED),
        described=expand(EXPERIMENT.stac_item, experiment=MAPPED),
        totals=expand(
            [EXPERIMENT.totals, EXPERIMENT.changes],
            experiment=WITH_STOCK if CONFIG.totals else [],
        ),
        references=(
            expand(EXPERIMENT.reference, experiment=WITH_SOC)
            if CONFIG.reference
            else []
        ),
    output:
        page=report(
            FILES.report,
            caption="../report/report.rst",
            category="Report",
            labels={"what": "Full report"},
        ),
        soc=report(
            FIGURES["soc"],
            caption="../report/soc_map.rst",
            category="Maps",
        ),
        scatter=report(
            FIGURES["scatter"],
            caption="../report/scatter.rst",
            category="Evaluation",
        ),
        saturation=report(
            FIGURES["saturation"],
            caption="../report/saturation.rst",
            category="Diagnostics",
        ),
        comparison=report(
            FILES.figure("comparison"),
            caption="../report/comparison.rst",
            category="Evaluation",
        ),
        quality=report(
            FILES.figure("quality"), caption="../report/quality.rst", category="Data"
        ),
        splits=FILES.figure("splits"),
    log:
        f"{LOGS}/report.log",
    benchmark:
        f"{BENCHMARKS}/report.tsv"
    conda:
        "../../envs/hybridmap.yaml"
    threads: NEEDS["report"]["threads"]
    resources:
        **needs("report"),
    params:
        results=subpath(input.samples, parent=True),
        figures=subpath(output.comparison, parent=True),
        code=stage_code("report"),
        content=content(inputs.report_files),
        lost=lost(
            FILES.report,
            FILES.figure("comparison"),
            FILES.figure("quality"),
            FILES.figure("splits"),
            *(file for files in FIGURES.values() for file in files),
        ),
    shell:
        "hybridmap report {input.settings:q} --results {params.results:q} --out {output.page:q}"
        " --figures {params.figures:q} --processes {threads} --log {log:q}"
