// A session with data to try the page with: files like any other, and a form that knows what is forecast from them.
import { getDemo, keepDraft, openSession } from "./api";
import { uploads } from "./uploads";

export async function tryDemo(name: string): Promise<string> {
  const demo = await getDemo();
  const sid = await openSession(name);
  await keepDraft(sid, { zone: demo.timezone, holidays: { on: true, country: demo.country, subdivision: demo.subdivision } });
  uploads.add(sid, demo.files.map((file) => new File([file.content], file.name, { type: "text/csv" })), demo.timezone);
  return sid;
}
