"""A daily job: send yesterday's rows, get tomorrow's numbers. Run it from cron or a timer.

python examples/daily_forecast.py URL SESSION FILE_ID new_rows.csv tomorrow.csv
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # from a checkout

from trainyard import Client
from trainyard.client import ApiError
from trainyard.forecasting import save_forecast

url, session, file_id, rows, target = sys.argv[1:]
with Client(url) as client:
    try:
        print(client.extend(file_id, Path(rows).read_text(encoding="utf-8"))["n_new"], "new rows")
        forecast = client.forecast(session, intervals=[80, 95])
    except ApiError as error:
        sys.exit(f"{error.problem().code}: {error.problem().message}")
save_forecast(forecast, csv=Path(target), plot=None)
print(f"{forecast.model} from {forecast.reference_time}: {len(forecast.table())} values in {target}")
