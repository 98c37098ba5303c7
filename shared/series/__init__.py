"""What a series is at a moment: values, grids, resampling, calendars. numpy only."""
