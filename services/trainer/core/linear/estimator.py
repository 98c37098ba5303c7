"""The linear model as a fitted scikit-learn estimator, for others to use."""

from sklearn.linear_model import LinearRegression

from services.trainer.core.linear.model import LinearModel


def as_estimator(model: LinearModel, n_inputs: int) -> LinearRegression:
    """Return the same model; its rows are flattened scaled windows, its predictions flattened forecasts."""
    weights, intercept = model.affine(n_inputs)
    linear = LinearRegression()
    linear.coef_, linear.intercept_, linear.n_features_in_ = weights.T, intercept, len(weights)
    return linear
