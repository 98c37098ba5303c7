"""Country names as the earlier frontend writes them, as codes of the ``holidays`` package."""

from services.gateway.problems import InvalidConfiguration

CODES = {
    "österreich": "AT", "austria": "AT", "deutschland": "DE", "germany": "DE", "schweiz": "CH",
    "switzerland": "CH", "liechtenstein": "LI", "italien": "IT", "italy": "IT", "frankreich": "FR",
    "france": "FR", "spanien": "ES", "spain": "ES", "portugal": "PT", "niederlande": "NL",
    "netherlands": "NL", "belgien": "BE", "belgium": "BE", "luxemburg": "LU", "luxembourg": "LU",
    "dänemark": "DK", "denmark": "DK", "schweden": "SE", "sweden": "SE", "norwegen": "NO", "norway": "NO",
    "finnland": "FI", "finland": "FI", "island": "IS", "iceland": "IS", "irland": "IE", "ireland": "IE",
    "vereinigtes königreich": "GB", "großbritannien": "GB", "united kingdom": "GB", "polen": "PL",
    "poland": "PL", "tschechien": "CZ", "czechia": "CZ", "slowakei": "SK", "slovakia": "SK",
    "ungarn": "HU", "hungary": "HU", "slowenien": "SI", "slovenia": "SI", "kroatien": "HR",
    "croatia": "HR", "serbien": "RS", "serbia": "RS", "bosnien und herzegowina": "BA",
    "bosnia and herzegovina": "BA", "montenegro": "ME", "nordmazedonien": "MK", "north macedonia": "MK",
    "albanien": "AL", "albania": "AL", "griechenland": "GR", "greece": "GR", "bulgarien": "BG",
    "bulgaria": "BG", "rumänien": "RO", "romania": "RO", "türkei": "TR", "turkey": "TR", "estland": "EE",
    "estonia": "EE", "lettland": "LV", "latvia": "LV", "litauen": "LT", "lithuania": "LT", "malta": "MT",
    "zypern": "CY", "cyprus": "CY", "ukraine": "UA", "usa": "US", "vereinigte staaten": "US",
    "united states": "US", "kanada": "CA", "canada": "CA", "mexiko": "MX", "mexico": "MX",
    "brasilien": "BR", "brazil": "BR", "argentinien": "AR", "argentina": "AR", "china": "CN",
    "japan": "JP", "indien": "IN", "india": "IN", "südkorea": "KR", "south korea": "KR",
    "australien": "AU", "australia": "AU", "neuseeland": "NZ", "new zealand": "NZ", "südafrika": "ZA",
    "south africa": "ZA",
}  # fmt: skip


def country_code(text: str, *, field: str) -> str:
    """Return the ISO 3166 code of a country name or code; the data set service knows which it serves.

    >>> country_code("Österreich", field="land"), country_code("at", field="land")
    ('AT', 'AT')
    """
    known = CODES.get(text.strip().lower())
    if known:
        return known
    code = text.strip().upper()
    if code.isascii() and code.isalpha() and len(code) in (2, 3):
        return code
    raise InvalidConfiguration(
        f"{field}: {text[:60]!r} is not a known country",
        suggestions=("Give the two-letter code of ISO 3166, for instance AT.",),
        fields=[{"field": field, "message": "give the two-letter code of ISO 3166"}],
    )
