// The API page, drawn from /openapi.json: nothing is fetched from anywhere else.
import { h } from "./dom.js";

const api = await (await fetch("/openapi.json")).json();
const resolve = (schema) => schema?.$ref ? api.components.schemas[schema.$ref.split("/").pop()] : schema;

function typeOf(schema) {
  if (!schema) return "";
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.anyOf || schema.oneOf) return (schema.anyOf ?? schema.oneOf).map(typeOf).join(" or ");
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  return schema.type === "array" ? `[${typeOf(schema.items)}]` : schema.type ?? "any";
}

const fields = (schema) => h("ul", {}, Object.entries(resolve(schema)?.properties ?? {}).map(([name, field]) =>
  h("li", {}, h("code", {}, name), ` ${typeOf(field)}`, resolve(schema).required?.includes(name) ? " (required)" : "",
    field.description ? h("span", { class: "soft" }, ` – ${field.description}`) : null)));

function operation(path, method, told) {
  const body = Object.values(told.requestBody?.content ?? {})[0];
  const parameters = (told.parameters ?? []).filter((p) => p.in !== "path");
  return h("details", {}, h("summary", {}, h("strong", {}, method.toUpperCase()), " ", h("code", {}, path), " ",
    h("span", { class: "soft" }, told.description ?? told.summary)),
    parameters.length ? h("ul", {}, parameters.map((p) => h("li", {}, h("code", {}, p.name), ` in ${p.in} `,
      typeOf(p.schema), h("span", { class: "soft" }, p.description ? ` – ${p.description}` : "")))) : null,
    body ? fields(body.schema) : null,
    Object.values(body?.examples ?? {}).map((example) => h("pre", {}, JSON.stringify(example.value, null, 1))),
    h("p", {}, `Answers ${Object.keys(told.responses).join(", ")}`));
}

const groups = new Map();
for (const [path, methods] of Object.entries(api.paths)) {
  for (const [method, told] of Object.entries(methods)) {
    const tag = told.tags?.[0] ?? "other";
    groups.set(tag, [...(groups.get(tag) ?? []), operation(path, method, told)]);
  }
}
document.getElementById("main").replaceChildren(h("p", {}, api.info.description),
  ...[...groups].map(([tag, list]) => h("section", { class: "card" }, h("h2", {}, tag), list)));
