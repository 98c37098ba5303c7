import { useMemo } from "react";

const FIRST = ["Europe/Vienna", "Europe/Berlin", "Europe/Zurich", "UTC"];

/** Time zones to choose from, the usual ones first. */
export function Zones({ value, onChange, label }: { value: string; onChange: (zone: string) => void; label: string }) {
  const all = useMemo(() => {
    const known = Intl.supportedValuesOf("timeZone").filter((zone) => !FIRST.includes(zone));
    return value && !FIRST.includes(value) && !known.includes(value) ? [value, ...known] : known;
  }, [value]);
  return (
    <select value={value} onChange={(event) => onChange(event.target.value)} aria-label={label}>
      {FIRST.map((zone) => <option key={zone}>{zone}</option>)}
      {all.map((zone) => <option key={zone}>{zone}</option>)}
    </select>
  );
}
