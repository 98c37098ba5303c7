"""Pure time-series mathematics on numpy and pandas: no broker, no storage, no clock."""
