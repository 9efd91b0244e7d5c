/**
 * What α cost: in expectation, where a hard hybrid drawn from α takes one component a block, and when run as they are.
 * Tables are [N][K], in any unit; `server/models/expectedCost.ts` makes those of FLOPs and parameters.
 */
export type CostTable = readonly (readonly number[])[];

export function totalCost(table: CostTable): number {
  return table.flat().reduce((sum, cost) => sum + cost, 0);
}

/** E[cost](α), in the table's unit. */
export function expectedCost(alphas: CostTable, table: CostTable): number {
  return table.reduce(
    (sum, row, block) => sum + row.reduce((own, cost, m) => own + alphas[block]![m]! * cost, 0),
    0,
  );
}

/** What a pass at α really costs, in the table's unit: every entry that isn't 0 is computed. */
export function computedCost(alphas: CostTable, table: CostTable): number {
  return expectedCost(
    alphas.map((row) => row.map((alpha) => Number(alpha > 0))),
    table,
  );
}
