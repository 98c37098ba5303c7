// How much slower this machine is just now than one of our cores that has nothing else to do.
const OURS_MS = 65;

/** A fixed piece of work, in milliseconds; runs in the page. */
function work() {
  const start = performance.now();
  let text = "";
  for (let k = 0; k < 150_000; k++) text = JSON.stringify({ k, text: text.slice(-40), list: [k, k / 3, "a"] });
  return performance.now() - start + 0 * text.length;
}

export class Machine {
  #spent = [];

  /** Measure once more, in a page whose CPU was made so many times slower. */
  async measure(page, cpu = 1) {
    this.#spent.push((await page.evaluate(work)) / cpu);
  }

  /** The middle of what was measured; 1 where the machine is like ours. */
  slower() {
    const sorted = [...this.#spent].sort((a, b) => a - b);
    return Math.round((100 * sorted[Math.floor(sorted.length / 2)]) / OURS_MS) / 100;
  }
}
