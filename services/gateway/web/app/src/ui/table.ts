// A small table somebody fills in by hand or in a spreadsheet: a column of times and columns of numbers.

export interface Table {
  heads: string[];
  rows: string[][];
  decimal: "." | ",";
}

/** A cell no spreadsheet takes for a formula, as the gateway writes them. */
export const plainCell = (text: string): string => (/^[=+\-@\t\r]/.test(text) ? `'${text}` : text);

const cells = (line: string, sign: string): string[] => {
  const found: string[] = [];
  let cell = "";
  let quoted = false;
  for (let k = 0; k < line.length; k++) {
    const letter = line[k] as string;
    if (letter === '"' && quoted && line[k + 1] === '"') { cell += '"'; k++; }
    else if (letter === '"') quoted = !quoted;
    else if (letter === sign && !quoted) { found.push(cell.trim()); cell = ""; }
    else cell += letter;
  }
  return [...found, cell.trim()];
};

/** Read a filled-in template: commas, or semicolons with decimal commas, or tabs. */
export function readTable(text: string): Table {
  const lines = text.replace(/^\uFEFF/, "").split(/\r\n|\n|\r/).filter((line) => line.trim() !== "");
  const head = lines[0] ?? "";
  const sign = [";", "\t", ","].find((one) => cells(head, one).length > 1) ?? ",";
  return { heads: cells(head, sign), rows: lines.slice(1).map((line) => cells(line, sign)), decimal: sign === "," ? "." : "," };
}

export class Unfilled extends Error {
  constructor(readonly what: "columns" | "number" | "empty", readonly name: string, readonly line: number) {
    super(`${what} ${name} ${line}`);
  }
}

/**
 * The values of a filled-in template, by series and stamp; empty cells are left out.
 * Throws what is wrong with it: no column of a series asked for, or a cell that is no number, with its line.
 */
export function readFuture(text: string, series: readonly string[]): Record<string, Record<string, number>> {
  const { heads, rows, decimal } = readTable(text);
  const named = new Map(series.flatMap((name) => [[name, name], [plainCell(name), name]]));
  const known = heads.map((head, k) => ({ head: named.get(head) ?? "", k })).filter(({ head, k }) => k > 0 && head);
  if (!known.length) throw new Unfilled("columns", series.join(", "), 1);
  const found: Record<string, Record<string, number>> = {};
  for (const { head, k } of known) {
    for (const [at, row] of rows.entries()) {
      const cell = row[k] ?? "";
      if (cell === "") continue;
      const value = Number(decimal === "," && /^[-+]?\d+(,\d+)?$/.test(cell) ? cell.replace(",", ".") : cell);
      if (!Number.isFinite(value)) throw new Unfilled("number", cell, at + 2);
      (found[head] ??= {})[row[0] ?? ""] = value;
    }
  }
  if (!Object.keys(found).length) throw new Unfilled("empty", series.join(", "), 2);
  return found;
}
