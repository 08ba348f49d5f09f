const REPEATS = 7;

/** The best of several runs, in millions of items per second. */
export async function rate(items: number, work: () => unknown): Promise<number> {
  let best = Infinity;
  for (let i = 0; i < REPEATS; i++) {
    const start = performance.now();
    await work();
    best = Math.min(best, performance.now() - start);
  }
  return items / best / 1000;
}
