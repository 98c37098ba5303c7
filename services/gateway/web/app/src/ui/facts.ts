// Settings of a model and what its fit found out, as rows of a table: nested things are a path of names.
export interface Fact { path: string[]; value: string | number | boolean | null }

const LEFT_OUT = new Set(["kind", "members"]);

/** Rows in the order they come; lists of plain values stay in one row. */
export function factsOf(value: unknown, path: string[] = []): Fact[] {
  if (value === null || typeof value === "string" || typeof value === "number" || typeof value === "boolean") return [{ path, value }];
  if (Array.isArray(value)) {
    if (value.every((one) => one === null || typeof one !== "object")) return [{ path, value: value.length ? value.join(", ") : null }];
    return value.flatMap((one, k) => factsOf(one, [...path, `#${k + 1}`]));
  }
  if (typeof value !== "object" || value === undefined) return [];
  return Object.entries(value).filter(([name]) => path.length > 0 || !LEFT_OUT.has(name)).flatMap(([name, one]) => factsOf(one, [...path, name]));
}
