"""From series to windows: rules, columns, splits, scaling, stored data sets. numpy only."""
