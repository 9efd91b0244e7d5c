/** Token ids that a kernel gets. */

/**
 * @param rows of the table, or entries of the vocabulary
 * @param ignored an id that stands for none
 * @throws RangeError naming the first id outside the table
 */
export function requireIds(ids: ArrayLike<number>, rows: number, ignored?: number): void {
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i]!;
    if ((id < 0 || id >= rows) && id !== ignored) {
      throw new RangeError(`token ${id} at position ${i} is not in a vocabulary of ${rows}`);
    }
  }
}
