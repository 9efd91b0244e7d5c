/** Runs one test body on each engine that this machine can open; `cpu` must always open. */
import { openEngine, type Engine } from '../../../server/compute/engine/engine';
import { EngineError } from '../../../server/compute/engine/errors';

export function onEachEngine(body: () => void): void {
  for (const name of ['cpu', 'wasm'] as const) {
    describe(`on ${name}`, () => {
      let engine: Engine | undefined;
      before(async function () {
        try {
          engine = await openEngine(name);
        } catch (error) {
          if (name === 'cpu' || !(error instanceof EngineError)) throw error;
          this.skip();
        }
      });
      after(() => engine?.dispose());
      body();
    });
  }
}
