"""How each figure of the report is read, and which file its numbers are in."""

from __future__ import annotations

from typing import NamedTuple


class Caption(NamedTuple):
    """Of a figure: what it is to one who does not see it, how to read it, and its data from the folder of the page."""

    alt: str
    text: str
    data: str


REGION = {
    "splits": Caption(
        "Maps of the sites for each split, coloured by fold",
        "Each point is a site; its colour and shape are the fold that tests it. A fold should lie together: sites of"
        " one fold among those of another are easy to predict and say little about the map.",
        "../splits.parquet",
    ),
    "distances": Caption(
        "Distances from map cells to samples, and from test to training sites",
        "Each curve is the share of places that are nearer than the distance below. Scores of a split hold for the map"
        " where its curve follows that of the map; left of it they flatter.",
        "../samples.parquet",
    ),
    "comparison": Caption(
        "KGE and NSE of every experiment and quantity",
        "Bars are all held-out sites together, dots single folds. 1 is perfect; 0 in NSE is as good as one mean value"
        " for all. Dots far apart mean that the score depends on where one looks.",
        "../experiments/",
    ),
    "quality": Caption(
        "Rows and values dropped, by rule and source",
        "The longer a bar, the more a rule took away. A rule that takes much of one source alone points to a mistake in"
        " the units or columns of that source.",
        "../quality.csv",
    ),
    "dropped": Caption(
        "Where quality control dropped rows and values",
        "What was dropped over what was kept. Dropped rows that lie together leave a gap that the map fills blindly.",
        "../dropped.parquet",
    ),
    "distributions": Caption(
        "Distributions before and after quality control",
        "Outline: as measured; filled: after quality control. The body of a distribution should not move, only its far"
        " ends go.",
        "../observations.parquet",
    ),
}
"""Of figures of the region, by name."""
LADDER = Caption(
    "Scores of every rung, with 90 % ranges",
    "From the mean at the floor to the ceiling that is left to inputs which are the same within a cell. Lines are 90 %"
    " ranges: two rungs whose ranges overlap much are not told apart by these sites.",
    "../experiments/{experiment}/evaluation/ladder.csv",
)
"""Of the ladder of a quantity."""
EXPERIMENT = {
    "soc": Caption(
        "Map of SOC density",
        "One colour scale for observations and all experiments: from 0 to the 95th percentile of the observations."
        " Grey: no value.",
        "maps.json",
    ),
    "trust": Caption(
        "Interval width, and where the model applies",
        "Wide intervals, high dissimilarity and “outside” mean that the map rests on little there.",
        "maps.json",
    ),
    "extrapolation": Caption(
        "Errors away from the sites",
        "Errors of whole regions that were held out. Where they grow with distance or dissimilarity, the map is worse"
        " far from its sites than the cross-validation says.",
        "expected_error/regions.csv",
    ),
    "scenarios": Caption(
        "Change under scenarios",
        "Where soils would end if the forcing changed and nothing else; brown is loss, green gain. No time is in it.",
        "changes.csv",
    ),
    "pools": Caption(
        "Maps of the other pools",
        "As the map above, each in the range of its own observations. A pool that was never observed rests on the"
        " equations alone.",
        "maps.json",
    ),
    "scatter": Caption(
        "Predicted against observed",
        "Held-out sites. On the line is perfect. Slope is that of predictions on observations: below 1, high values are"
        " predicted too low and low ones too high, whatever r says. RMSE is in the unit of the axes.",
        "evaluation/predictions.parquet",
    ),
    "residuals": Caption(
        "Residuals by class of site, and their variogram",
        "A class whose bar does not reach zero is predicted wrong in one direction. A variogram that rises with"
        " distance means that neighbours share their errors.",
        "evaluation/bias.csv",
    ),
    "reliability": Caption(
        "Observed against nominal coverage of the intervals",
        "On the diagonal intervals hold what they promise; below it they are too narrow.",
        "evaluation/intervals.csv",
    ),
    "saturation": Caption(
        "How full the pool is that has a capacity",
        "The pool over its capacity, at sites and in cells. Above 1 no soil can be; 0 everywhere means that the"
        " capacity does nothing.",
        "diagnostics/saturation.json",
    ),
    "parameters": Caption(
        "Maps of the neural parameters",
        "Hatched: not identified, so that observations would allow other patterns too. Colours are the same for a"
        " parameter in all experiments.",
        "diagnostics/identifiability.csv",
    ),
    "edges": Caption(
        "Curves of the encoder",
        "What each covariate does to a parameter, the strongest first. Steep: it matters; flat: it does not.",
        "maps.json",
    ),
    "relationships": Caption(
        "Parameters and targets over the covariates that matter most",
        "Each curve is what the model makes of a covariate where all others stay as they are (accumulated local"
        " effects), its band what folds disagree about. Trust it where sites are dense (marks below) and the parameter"
        " is identified.",
        "diagnostics/relationships.csv",
    ),
    "truth": Caption(
        "Learned against true quantities",
        "Only a synthetic region knows its truth. Read the slope with r: a slope near 0 means that a parameter hardly"
        " varies, however well it is ordered; RMSE is in its unit.",
        "../../inputs/truth.zarr",
    ),
    "curves": Caption(
        "Learning curves",
        "Thin: training; thick: validation; dot: the weights that were kept. Lines far apart mean overfitting.",
        "{first_fold}/history.csv",
    ),
}  # fmt: skip
"""Of figures of an experiment, by name, in their order; data from the folder of the experiment."""
