/** Waiting for a condition, never for a time. */

/** Looks until `check` gives something; it may throw to give up at once. */
export async function eventually<T>(
  what: string,
  check: () => T | undefined | Promise<T | undefined>,
  { everyMs = 100, limitMs = 120_000 } = {},
): Promise<T> {
  const deadline = Date.now() + limitMs;
  while (Date.now() < deadline) {
    const value = await check();
    if (value !== undefined) return value;
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
  throw new Error(`${what} did not come in ${limitMs / 1000} s`);
}
