# The part of the configuration that one stage reads: both the trigger of the stage and the record of what made it.
rule settings:
    """The part of the configuration that a stage reads."""
    output:
        FILES.settings("{stage}"),
    log:
        f"{LOGS}/settings/{{stage}}.log",
    localrule: True
    conda:
        "../../envs/hybridmap.yaml"
    params:
        text=lambda wildcards: stage_settings(CONFIG, wildcards.stage),
    shell:
        "printf '%s\\n' {params.text:q} > {output:q} 2> {log:q}"


rule experiment_settings:
    """The part of the configuration that an experiment reads."""
    output:
        EXPERIMENT.settings,
    log:
        f"{LOGS}/settings/experiment_{{experiment}}.log",
    localrule: True
    conda:
        "../../envs/hybridmap.yaml"
    params:
        text=lambda wildcards: stage_settings(
            CONFIG, "experiment", wildcards.experiment
        ),
    shell:
        "printf '%s\\n' {params.text:q} > {output:q} 2> {log:q}"
