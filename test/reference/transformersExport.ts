/** The half of `transformersExport.py` that is ours: `node transformersExport.cjs OUT` writes the cases' folders. */
import { openEngine } from '../../server/compute/engine/engine';
import { writeCases } from '../compute/hybrid/transformersCases';

async function main([out]: readonly string[]): Promise<void> {
  if (out === undefined) throw new Error('usage: transformersExport OUT');
  await openEngine('cpu');
  await writeCases(out, undefined);
}

main(process.argv.slice(2)).then(
  () => process.exit(0),
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
