"""What can be wrong with series, windows and calendars: one class per cause."""

from shared.errors import InsufficientData, InvalidInput, ResourceExhausted


class BadSeries(InvalidInput):
    """The rows of a series contradict what a series is."""

    code = "BAD_SERIES"
    advice = ("Upload the file again; rows are sorted and doubled stamps resolved on the way in.",)


class NoNumbers(InvalidInput):
    """A series holds not a single finite number."""

    code = "NO_NUMERIC_VALUES"
    advice = ("Check the decimal mark and the delimiter of the file, or choose another column.",)


class SeriesTooShort(InsufficientData):
    """A series has too few rows to know its own spacing."""

    code = "SERIES_TOO_SHORT"
    advice = ("Upload more rows: a series needs at least two.",)


class UnknownSeries(InvalidInput):
    """A data set asks for a series that was not given."""

    code = "UNKNOWN_SERIES"
    advice = ("Choose one of the uploaded series.",)


class BadSetting(InvalidInput):
    """A setting has no meaning for these data; ``details['field']`` names it."""

    code = "BAD_SETTING"


class NoWindowFits(InsufficientData):
    """Not one reference time has every window complete; the drop report says why."""

    code = "NO_WINDOW_FITS"
    advice = ("Shorten the horizons, fill the gaps, raise max_gap, or upload a longer period.",)


class FoldsDoNotFit(InsufficientData):
    """The windows are too few for the cutoffs that were asked for; the problem says what would work."""

    code = "FOLDS_DO_NOT_FIT"
    advice = ("Ask for fewer folds or fewer test windows, or upload a longer period.",)


class TooLarge(ResourceExhausted):
    """A data set would be larger than the limits; the numbers and a way out are in the problem."""

    code = "DATASET_TOO_LARGE"


class IncompleteWindow(InsufficientData):
    """The rows at hand do not fill the window of one reference time."""

    code = "INCOMPLETE_WINDOW"
    advice = ("Upload newer rows, or forecast from an earlier reference time.",)


class UnknownZone(InvalidInput):
    """The time zone is not in the IANA database."""

    code = "UNKNOWN_TIMEZONE"
    advice = ("Use an IANA name such as Europe/Vienna, America/New_York or UTC.",)


class UnknownCountry(InvalidInput):
    """The `holidays` package does not know this country or subdivision."""

    code = "UNKNOWN_COUNTRY"
    advice = ("Use an ISO 3166 code such as AT or DE, or the English name of the country.",)
