"""What can be wrong with an uploaded file: one error class per cause, each with its own advice."""

from shared.errors import InvalidInput, ResourceExhausted


class EmptyFile(InvalidInput):
    """The file holds no bytes, no lines or no rows of data."""

    code = "EMPTY_FILE"
    advice = ("Upload a CSV file with one row per time stamp, and at least one row.",)


class NotText(InvalidInput):
    """The bytes are no text: a workbook, an archive, a picture."""

    code = "NOT_A_CSV"
    advice = ("Export the data as CSV (text) and upload that file.",)


class UnknownEncoding(InvalidInput):
    """The bytes cannot be read as text in the encoding that was named or found."""

    code = "UNKNOWN_ENCODING"
    advice = ("Save the file as UTF-8, or name its encoding.",)


class OneColumn(InvalidInput):
    """No delimiter splits the lines into a time stamp and a value."""

    code = "ONE_COLUMN"
    advice = (
        "A series needs a time stamp and a value per line, separated by comma, semicolon, tab or |.",
        "If the file uses another delimiter, name it.",
    )


class RaggedTable(InvalidInput):
    """A line has more cells than the table has columns."""

    code = "RAGGED_TABLE"
    advice = ("Give every line the same number of cells, and quote cells that contain the delimiter.",)


class TableTooLarge(ResourceExhausted):
    """The table has more columns or cells than a worker has memory for."""

    code = "TABLE_TOO_LARGE"
    advice = ("Choose the columns that are needed, or split the file.",)


class MixedDelimiters(InvalidInput):
    """Some lines use another delimiter than the rest."""

    code = "MIXED_DELIMITERS"
    advice = ("Use one delimiter in the whole file.",)


class BrokenQuotes(InvalidInput):
    """A quoted cell is never closed, or runs over several lines."""

    code = "BROKEN_QUOTES"
    advice = ('Close the quotation mark in that line, or write a literal one twice ("").',)


class AmbiguousNumbers(InvalidInput):
    """A comma in the numbers may be a decimal mark or a thousands separator."""

    code = "AMBIGUOUS_NUMBERS"
    advice = ("Say which character is the decimal mark: '.' or ','.",)


class NoTimeColumn(InvalidInput):
    """No column reads as time stamps."""

    code = "NO_TIME_COLUMN"
    advice = (
        "Write time stamps like 2024-12-31 13:45, 31.12.2024 13:45, 12/31/2024 1:45 PM or Unix seconds.",
        "If the stamps are written differently, name their format (for example %d-%b-%y %H%M).",
    )


class BadTimestamp(InvalidInput):
    """Single cells of the time column are no time stamps."""

    code = "BAD_TIMESTAMP"
    advice = ("Correct or remove these lines and upload the file again.",)


class AmbiguousTimestamps(InvalidInput):
    """Every date reads both as day/month and as month/day, and the readings differ."""

    code = "AMBIGUOUS_TIMESTAMPS"
    advice = ("Say whether the day or the month comes first (day_first), or write dates as 2024-12-31.",)


class AmbiguousZone(InvalidInput):
    """Stamps name their clock by letters that several zones use, such as EST or IST."""

    code = "AMBIGUOUS_ZONE"
    advice = ("Name the time zone of the file (timezone); it need not be sent again.",)


class MixedZones(InvalidInput):
    """Some stamps carry an offset from UTC and others do not."""

    code = "MIXED_ZONES"
    advice = ("Give every stamp an offset (or Z), or none and name the time zone.",)


class UnknownColumn(InvalidInput):
    """A setting names a column the file does not have."""

    code = "UNKNOWN_COLUMN"
    advice = ("Use a column name from the file's header line, or 'column 2' by position.",)


class KeyColumn(InvalidInput):
    """Rows repeat their stamps and differ in a column that may name several series."""

    code = "KEY_COLUMN"
    advice = (
        "Say which columns name a series (key_columns), or that none does (key_columns: []).",
        "The file need not be sent again.",
    )


class DoubledStamps(InvalidInput):
    """Many rows share their stamp with another one, and nothing tells them apart."""

    code = "DOUBLED_STAMPS"
    advice = (
        "Say what holds (doubled: last, first, mean or sum), or which columns tell them apart (key_columns).",
        "The file need not be sent again.",
    )


class TooManyCategories(InvalidInput):
    """A column that was named as one of categories has too many different values, or none."""

    code = "TOO_MANY_CATEGORIES"
    advice = ("Take it out of category_columns, or write at most 20 different values.",)


class UnknownCategory(InvalidInput):
    """New rows hold a category that the file does not have: no model has learned what it means."""

    code = "UNKNOWN_CATEGORY"
    advice = ("Write one of the known values, or upload a file with the new one and train on that.",)


class DoubledHour(InvalidInput):
    """An hour comes twice as where a clock is put back, and the file names no zone."""

    code = "DOUBLED_HOUR"
    advice = (
        "Name the time zone of the stamps (timezone), UTC if they are; the file need not be sent again.",
    )


class MissingChunks(InvalidInput):
    """The upload is not complete."""

    code = "MISSING_CHUNKS"
    advice = ("Send the missing chunks again.",)


class ChunkDamaged(InvalidInput):
    """A chunk has other bytes than were received: the machine went down before they were on the disk."""

    code = "STORED_CHUNK_DAMAGED"
    advice = ("Upload the file again.",)


class SizeMismatch(InvalidInput):
    """The assembled file is shorter or longer than announced."""

    code = "SIZE_MISMATCH"
    advice = ("Upload the file again; it changed or was cut on the way.",)


class HashMismatch(InvalidInput):
    """The assembled file is not byte for byte the announced one."""

    code = "HASH_MISMATCH"
    advice = ("Upload the file again; it changed on the way.",)
