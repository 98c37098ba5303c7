"""What can be wrong with what the evaluator is asked to judge."""

from shared.errors import InvalidInput, NotFound


class ForecastMismatch(InvalidInput):
    """Arrays that belong together do not fit: forecasts, names, training series."""

    code = "FORECAST_MISMATCH"
    advice = ("Score forecasts with the data set they were made on.",)


class UnknownMetric(InvalidInput):
    """A ranking was asked for by a score that does not exist."""

    code = "UNKNOWN_METRIC"


class ScoresMissing(InvalidInput):
    """The stored scores of a finished model are not what its job says."""

    code = "SCORES_MISSING"
    advice = ("Start the run again.",)


class PlotImpossible(InvalidInput):
    """A plot was asked for of something that is not there."""

    code = "PLOT_IMPOSSIBLE"
    advice = ("Choose among the variables and windows that GET /plot-variables lists.",)


class NoEnsemble(InvalidInput):
    """A run's models are not averaged; the message says why."""

    code = "NO_ENSEMBLE"


class PlotNotFound(NotFound):
    """The run has no plot of that name."""

    code = "PLOT_NOT_FOUND"
    advice = ("List the plots with GET /api/training/visualizations/{session}.",)
