"""Names of months and weekdays in the languages of those who write files."""

import unicodedata
from collections.abc import Collection

_NAMES_OF_MONTHS = (  # English, German, Austrian, French, Italian, Spanish, Portuguese, Dutch, Nordic, Slavic
    "january januar jaenner jänner janvier gennaio enero janeiro januari stycznia styczen ledna leden января",
    "february februar feber fevrier febbraio febrero fevereiro februari lutego luty unora unor февраля",
    "march maerz märz mrz mars marzo marco maart mrt marca marzec brezna brezen marec марта",
    "april avril aprile abril kwietnia kwiecien dubna duben апреля",
    "may mai maggio mayo maio mei maj maja kvetna kveten мая",
    "june juni juin giugno junio junho czerwca czerwiec cervna junij июня",
    "july juli juillet luglio julio julho lipca lipiec cervence julij июля",
    "august aout agosto augustus sierpnia sierpien srpna srpen avgust августа",
    "september septembre settembre septiembre setembro wrzesnia wrzesien zari сентября",
    "october oktober octobre ottobre octubre outubro pazdziernika pazdziernik rijna rijen октября",
    "november novembre noviembre novembro ноября",
    "december dezember decembre dicembre diciembre dezembro grudnia grudzien prosince prosinec декабря",
)
_LANGUAGES = (  # by the whole name; a month in one of them may be another in the next
    # Croatian
    "sijecanj/sijecnja veljaca/veljace ozujak/ozujka travanj/travnja svibanj/svibnja lipanj/lipnja "
    "srpanj/srpnja kolovoz/kolovoza rujan/rujna listopad/listopada "
    "studeni/studenoga/studenog prosinac/prosinca",
    # Polish and Czech, where they meet the Croatian
    "stycznia/styczen lutego/luty marca/marzec kwietnia/kwiecien maja/maj czerwca/czerwiec lipca/lipiec "
    "sierpnia/sierpien wrzesnia/wrzesien pazdziernika/pazdziernik listopada/listopad grudnia/grudzien",
    "ledna/leden unora/unor brezna/brezen dubna/duben kvetna/kveten cervna/cerven cervence/cervenec "
    "srpna/srpen zari rijna/rijen listopadu/listopad prosince/prosinec",
    # Slovak, Serbian in both scripts, Slovene
    "januara/januar februara/februar marca/marec aprila/april maja/maj juna/jun jula/jul augusta/august "
    "septembra/september oktobra/oktober novembra/november decembra/december",
    "januar/januara februar/februara mart/marta april/aprila maj/maja jun/juna jul/jula avgust/avgusta "
    "septembar/septembra oktobar/oktobra novembar/novembra decembar/decembra",
    "јануар фебруар март април мај јун јул август септембар октобар новембар децембар",
    "januar/januarja februar/februarja marec/marca april/aprila maj/maja junij/junija julij/julija "
    "avgust/avgusta september/septembra oktober/oktobra november/novembra december/decembra",
    # Ukrainian, Belarusian, Bulgarian, Macedonian, Russian
    "січень/січня лютий/лютого березень/березня квітень/квітня травень/травня червень/червня липень/липня "
    "серпень/серпня вересень/вересня жовтень/жовтня листопад/листопада грудень/грудня",
    "студзень/студзеня люты/лютага сакавік/сакавіка красавік/красавіка май/мая чэрвень/чэрвеня "
    "ліпень/ліпеня жнівень/жніўня верасень/верасня кастрычнік/кастрычніка лістапад/лістапада снежань/снежня",
    "януари февруари март април май юни юли август септември октомври ноември декември",
    "јануари февруари март април мај јуни јули август септември октомври ноември декември",
    "январь/января февраль/февраля март/марта апрель/апреля май/мая июнь/июня июль/июля август/августа "
    "сентябрь/сентября октябрь/октября ноябрь/ноября декабрь/декабря",
    # Hungarian, Romanian, Finnish, Turkish
    "januar februar marcius aprilis majus junius julius augusztus szeptember oktober november december",
    "ianuarie februarie martie aprilie mai iunie iulie august septembrie octombrie noiembrie decembrie",
    "tammikuu/tammikuuta helmikuu/helmikuuta maaliskuu/maaliskuuta huhtikuu/huhtikuuta toukokuu/toukokuuta "
    "kesakuu/kesakuuta heinakuu/heinakuuta elokuu/elokuuta syyskuu/syyskuuta lokakuu/lokakuuta "
    "marraskuu/marraskuuta joulukuu/joulukuuta",
    "ocak subat mart nisan mayis/mayıs haziran temmuz agustos eylul ekim kasim/kasım aralik/aralık",
)
_NAMES_OF_DAYS = (
    "monday montag lundi lunedi lunes maandag poniedzialek pondeli ponedjeljak ponedeljek",
    "tuesday dienstag mardi martedi martes dinsdag wtorek utery utorak torek",
    "wednesday mittwoch mercredi mercoledi miercoles woensdag sroda streda srijeda sreda",
    "thursday donnerstag jeudi giovedi jueves donderdag czwartek ctvrtek cetvrtak cetrtek",
    "friday freitag vendredi venerdi viernes vrijdag piatek patek petak petek",
    "saturday samstag sonnabend samedi sabato sabado zaterdag sobota subota",
    "sunday sonntag dimanche domenica domingo zondag niedziela nedele nedjelja nedelja",
)


def folded(name: str) -> str:
    """Return a name in lower case without accents.

    >>> folded("Jänner")
    'janner'
    """
    plain = unicodedata.normalize("NFKD", name.lower())
    return "".join(letter for letter in plain if not unicodedata.combining(letter))


def month_named(name: str, beside: Collection[str] = ()) -> int:
    """Return the month of a name or an abbreviation of three letters or more, 0 if there is none, or several.

    Where it is another month in another language, the names of the same column decide (``beside``).

    >>> month_named("Jänner"), month_named("ago"), month_named("jui"), month_named("Foo")
    (1, 8, 0, 0)
    >>> month_named("listopada"), month_named("listopada", ["rujna"]), month_named("listopada", ["maja"])
    (0, 10, 11)
    """
    word = folded(name)
    if word in _MONTHS:
        return _MONTHS[word]
    others = {folded(other) for other in beside}
    fitting = [months for months in _BY_LANGUAGE if word in months and others <= months.keys()]
    numbers = {months[word] for months in fitting or [one for one in _BY_LANGUAGE if word in one]}
    return numbers.pop() if len(numbers) == 1 else 0


def _prefixes(names: tuple[str, ...], shortest: int) -> dict[str, int]:
    """Return every beginning of the names that belongs to one number alone."""
    found: dict[str, set[int]] = {}
    for number, words in enumerate(names, 1):
        for word in map(folded, words.split()):
            for length in range(min(shortest, len(word)), len(word) + 1):
                found.setdefault(word[:length], set()).add(number)
    return {beginning: numbers.pop() for beginning, numbers in found.items() if len(numbers) == 1}


_ABBREVIATED = 3  # Croatian, Polish and Czech: lip, srp and lis are other months in the next of them
_BY_LANGUAGE = tuple(
    _prefixes(tuple(forms.replace("/", " ") for forms in language.split()), 3)
    if k < _ABBREVIATED
    else {folded(form): n for n, forms in enumerate(language.split(), 1) for form in forms.split("/")}
    for k, language in enumerate(_LANGUAGES)
)
_MONTHS = {
    word: month
    for word, month in _prefixes(_NAMES_OF_MONTHS, 3).items()
    if {months[word] for months in _BY_LANGUAGE if word in months} <= {month}
}
DAYS = _prefixes(_NAMES_OF_DAYS, 2) | {
    "mi": 3,
    "ma": 2,
    "me": 3,
    "sa": 6,
    "so": 7,
    "su": 7,
    "do": 4,
    "di": 2,
}
