/** When a plan takes gradient checkpointing, and what it says of it. */
import assert from 'node:assert/strict';
import { checkConfig } from '../../server/language/checkConfig';
import { formatBytes } from '../../server/language/format';
import { planText } from '../../server/language/planText';
import { fakeReader, quickDisk } from './fakeReader';
import { quickConfig } from './marked';
import { planOf } from './planOf';

const WASM = 3.7 * 2 ** 30;

const textOf = (checkpointing: string, rest = '', batch = 8) =>
  quickConfig({
    search: `  steps: 3\n  batch: ${batch}\n  checkpointing: ${checkpointing}`,
    rest,
  });

async function check(text: string) {
  const place = { name: 'test', base: '/base', reader: fakeReader(quickDisk) };
  const { plan, problems } = await checkConfig(text, place);
  assert.ok(plan, JSON.stringify(problems));
  return { memory: plan.memory, problems, text: planText(plan) };
}

/** Peaks of one config without and with checkpointing, and a limit that only the second keeps. */
async function peaks(batch = 8) {
  const { peak: without, otherPeak } = (await planOf(textOf('off', '', batch))).memory;
  const { peak: checkpointed } = (await planOf(textOf('on', '', batch))).memory;
  assert.equal(otherPeak, checkpointed);
  assert.ok(checkpointed < without);
  return { without, checkpointed, between: Math.ceil((without + checkpointed) / 2) };
}

describe('gradient checkpointing in a plan', () => {
  it('is as the config says, whatever fits', async () => {
    const { without, checkpointed } = await peaks();
    const on = (await planOf(textOf('on'))).memory;
    assert.deepEqual([on.checkpointing, on.peak, on.otherPeak], [true, checkpointed, without]);
    assert.equal((await planOf(textOf('off'))).memory.checkpointing, false);
  });

  it('auto: on exactly where the run would not fit without it, and does with it', async () => {
    const { without, checkpointed } = await peaks();
    const auto = async (limit: number) =>
      (await check(textOf('auto', `engine: { name: wasm, memoryLimit: ${limit} }`))).memory
        .checkpointing;
    assert.equal(await auto(without), false);
    assert.equal(await auto(without - 1), true);
    assert.equal(await auto(checkpointed), true);
    assert.equal(await auto(checkpointed - 1), false);
    assert.equal((await planOf(textOf('auto'))).memory.checkpointing, false);
  });

  it('auto goes by what the wasm engine holds, and not where nothing limits an engine', async () => {
    let batch = 8;
    while ((await planOf(textOf('off', 'engine: webgpu', batch))).memory.peak <= WASM) {
      batch = Math.ceil(batch * 1.1);
    }
    const { without, checkpointed } = await peaksOf(batch);
    assert.ok(without > WASM && checkpointed <= WASM);
    for (const engine of ['wasm', 'auto']) {
      const { memory, problems } = await check(textOf('auto', `engine: ${engine}`, batch));
      assert.equal(memory.checkpointing, true);
      assert.deepEqual(problems, []);
    }
    const elsewhere = await check(textOf('auto', 'engine: webgpu', batch));
    assert.equal(elsewhere.memory.checkpointing, false);

    async function peaksOf(size: number) {
      const of = async (setting: string) =>
        (await planOf(textOf(setting, 'engine: webgpu', size))).memory.peak;
      return { without: await of('off'), checkpointed: await of('on') };
    }
  });

  it('is told by the plan’s text, with its price', async () => {
    const { without, checkpointed, between } = await peaks();
    const limited = `engine: { name: wasm, memoryLimit: ${between} }`;
    const auto = (await check(textOf('auto', limited))).text;
    assert.ok(
      auto.includes(`gradient checkpointing on (auto: ${formatBytes(without)} without it)`),
      auto,
    );
    assert.match(auto, /one more forward pass a step: training takes 4 × forward FLOPs, not 3 ×/);
    const off = (await check(textOf('auto'))).text;
    assert.ok(
      off.includes(`gradient checkpointing off (auto: ${formatBytes(checkpointed)} with it)`),
    );
    assert.ok(
      (await check(textOf('on'))).text.includes(
        `gradient checkpointing on (${formatBytes(without)} without it)`,
      ),
    );
  });

  it('is named as a way out where it is off and would be enough', async () => {
    const { checkpointed, between } = await peaks();
    const { problems } = await check(
      textOf('off', `engine: { name: wasm, memoryLimit: ${between} }`),
    );
    assert.deepEqual(
      problems.map(({ code, severity }) => [code, severity]),
      [['memory', 'error']],
    );
    assert.ok(
      problems[0]!.message.includes(
        `take gradient checkpointing (\`search.checkpointing: auto\`: ${formatBytes(checkpointed)}), a smaller`,
      ),
      problems[0]!.message,
    );
  });

  it('is said not to be enough where it is not', async () => {
    const { checkpointed } = await peaks();
    const engine = `engine: { name: wasm, memoryLimit: ${checkpointed - 1} }`;
    const [auto] = (await check(textOf('auto', engine))).problems;
    assert.ok(auto!.message.includes(`checkpointing alone comes to ${formatBytes(checkpointed)}`));
    const [on] = (await check(textOf('on', engine))).problems;
    assert.ok(
      on!.message.includes(`needs about ${formatBytes(checkpointed)} with gradient checkpointing`),
    );
    assert.doesNotMatch(on!.message, /search\.checkpointing/);
  });
});
