// Countries and their parts whose holidays are known, by the codes of ISO 3166.
export const COUNTRIES = [
  "AT", "DE", "CH", "IT", "FR", "ES", "PT", "NL", "BE", "LU", "DK", "SE", "NO", "FI", "PL", "CZ", "SK", "HU", "SI", "HR",
  "RO", "BG", "GR", "IE", "GB", "US", "CA", "AU", "NZ", "JP", "KR", "IN", "BR", "MX", "ZA", "TR", "UA",
];

export const SUBDIVISIONS: Record<string, Record<string, string>> = {
  AT: { 1: "Burgenland", 2: "Kärnten", 3: "Niederösterreich", 4: "Oberösterreich", 5: "Salzburg", 6: "Steiermark", 7: "Tirol", 8: "Vorarlberg", 9: "Wien" },
  DE: {
    BW: "Baden-Württemberg", BY: "Bayern", BE: "Berlin", BB: "Brandenburg", HB: "Bremen", HH: "Hamburg", HE: "Hessen", MV: "Mecklenburg-Vorpommern",
    NI: "Niedersachsen", NW: "Nordrhein-Westfalen", RP: "Rheinland-Pfalz", SL: "Saarland", SN: "Sachsen", ST: "Sachsen-Anhalt", SH: "Schleswig-Holstein", TH: "Thüringen",
  },
  CH: {
    AG: "Aargau", AI: "Appenzell Innerrhoden", AR: "Appenzell Ausserrhoden", BE: "Bern", BL: "Basel-Landschaft", BS: "Basel-Stadt", FR: "Fribourg", GE: "Genève", GL: "Glarus",
    GR: "Graubünden", JU: "Jura", LU: "Luzern", NE: "Neuchâtel", NW: "Nidwalden", OW: "Obwalden", SG: "St. Gallen", SH: "Schaffhausen", SO: "Solothurn", SZ: "Schwyz",
    TG: "Thurgau", TI: "Ticino", UR: "Uri", VD: "Vaud", VS: "Valais", ZG: "Zug", ZH: "Zürich",
  },
  AU: { ACT: "Australian Capital Territory", NSW: "New South Wales", NT: "Northern Territory", QLD: "Queensland", SA: "South Australia", TAS: "Tasmania", VIC: "Victoria", WA: "Western Australia" },
  GB: { ENG: "England", NIR: "Northern Ireland", SCT: "Scotland", WLS: "Wales" },
};
