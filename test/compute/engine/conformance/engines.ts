/** The engines that this machine opens, and one test body for all of them. */
import { openEngine, type Engine } from '../../../../server/compute/engine/engine';
import { EngineError } from '../../../../server/compute/engine/errors';
import { availableTiers } from '../../../../server/compute/engine/wasm/tiers';
import { openWasm } from '../../../../server/compute/engine/wasm/openWasm';
import { openTensorflow } from '../../../../server/compute/engine/tensorflow/openTensorflow';
import type { EngineName } from '../../../../server/contract/engine';

export interface EngineUnderTest {
  /** As the report names it. */
  readonly title: string;
  readonly name: EngineName;
  readonly open: () => Promise<Engine>;
  /** Why it can't be opened here. */
  readonly missing?: string;
}

/** Engines that must be there: `MANTICORE_ENGINES_REQUIRED=webgpu,tensorflow`. */
const required = new Set((process.env['MANTICORE_ENGINES_REQUIRED'] ?? '').split(','));

const oracle: EngineUnderTest = { title: 'cpu', name: 'cpu', open: () => openEngine('cpu') };

const tiers: readonly EngineUnderTest[] = availableTiers().map((tier) => ({
  title: `wasm, ${tier}`,
  name: 'wasm',
  open: () => openWasm({ tier }),
}));

const fastest: EngineUnderTest = { title: 'wasm', name: 'wasm', open: () => openEngine('wasm') };

/** Opened once while the tests are loaded, so that the report tells which are missing and why. */
async function optional(
  name: 'webgpu' | 'tensorflow',
  open: () => Promise<Engine> = () => openEngine(name),
  title: string = name,
): Promise<EngineUnderTest> {
  try {
    const engine = await open();
    engine.dispose();
    return { title, name, open };
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    return { title, name, open, missing: error.message };
  }
}

const [webgpu, tensorflow] = [await optional('webgpu'), await optional('tensorflow')];
/** What it computes where tensors lie on a GPU, on its ops alone. */
const onItsOps = await optional(
  'tensorflow',
  () => openTensorflow({ asOnGpu: true }),
  'tensorflow, as on a GPU',
);
const devices = [webgpu, tensorflow];

/** Which engines a test body is for. */
const groups = {
  /** All but the oracle: what is compared with it. */
  compared: [...tiers, ...devices, onItsOps],
  /** All, the oracle too. */
  all: [oracle, ...tiers, ...devices],
  /** All, with the fastest tier alone: what tests models rather than kernels. */
  each: [oracle, fastest, ...devices],
  /** Those that people train on, with the fastest tier alone. */
  trained: [fastest, ...devices],
  /** Those that promise the same bits for the same numbers. */
  sameBits: [...tiers, ...devices, onItsOps],
  /** Those of them that a test of models needs. */
  embedded: [oracle, fastest],
} as const;

/**
 * `body` as a suite of its own on each engine, which is open while its tests run. An engine that is missing is one pending
 * test with the reason, or a failure where it is required.
 */
export function onEachEngine(
  group: keyof typeof groups,
  body: (engine: () => Engine, subject: EngineUnderTest) => void,
): void {
  for (const subject of groups[group]) {
    describe(`on ${subject.title}`, () => {
      if (subject.missing !== undefined) {
        const isThere = it(`opens: ${subject.missing}`, () => {
          throw new Error(`required, but missing: ${subject.missing!}`);
        });
        if (!required.has(subject.name)) isThere.pending = true;
        return;
      }
      let engine: Engine | undefined;
      before(async () => {
        engine = await subject.open();
      });
      afterEach(async () => {
        // A device hears of a failed kernel late: the case that ran it is the one that must fail.
        await engine?.settled?.();
      });
      after(() => engine?.dispose());
      body(() => engine!, subject);
    });
  }
}
