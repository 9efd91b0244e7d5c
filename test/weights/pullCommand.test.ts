import assert from 'node:assert/strict';
import { runPull, showBytes } from '../../server/cli/pull';
import { CliError, type Io } from '../../server/cli/io';
import { COMMIT } from './hubServer';
import { ID, scene } from './hubScene';

/** A terminal that remembers what was printed. */
function recorder(options: Partial<Pick<Io, 'json' | 'isTTY' | 'signal'>> = {}) {
  const printed = { out: '', err: '' };
  const io: Io = {
    out: (text) => void (printed.out += text),
    err: (text) => void (printed.err += text),
    json: false,
    isTTY: false,
    columns: 80,
    signal: new AbortController().signal,
    impatience: new AbortController().signal,
    ...options,
  };
  return { io, printed };
}

describe('manticore pull', () => {
  it('prints files as they arrive, and the folder at last', async () => {
    await scene(async ({ environment, snapshot }) => {
      const { io, printed } = recorder();
      assert.equal(await runPull(`hf:${ID}`, io, environment), 0);
      assert.equal(
        printed.out,
        `3 files, 300.0 kB\nconfig.json (21 B)\ntokenizer.json (12 B)\nmodel.safetensors (300.0 kB)\n${snapshot}\n`,
      );
      assert.equal(printed.err, '');
    });
  });

  it('draws one bar over itself on a terminal', async () => {
    await scene(async ({ environment, snapshot }) => {
      const { io, printed } = recorder({ isTTY: true });
      assert.equal(await runPull(`hf:${ID}`, io, environment), 0);
      const [bars = '', last] = printed.out.split('\n');
      assert.equal(last, snapshot);
      const final = bars.split('\r\x1b[K').at(-1) ?? '';
      assert.match(final, /^model\.safetensors █+ 100 % of 300\.0 kB/);
      assert.ok(bars.split('\r\x1b[K').every((line) => line.length < 80));
    });
  });

  it('prints JSON and nothing else with --json', async () => {
    await scene(async ({ environment, snapshot }) => {
      const { io, printed } = recorder({ json: true });
      assert.equal(await runPull(`hf:${ID}`, io, environment), 0);
      const lines = printed.out.trimEnd().split('\n');
      const events = lines.map((line) => JSON.parse(line) as { type: string });
      assert.equal(events[0]?.type, 'listed');
      assert.deepEqual(events.at(-1), {
        type: 'done',
        path: snapshot,
        commit: COMMIT,
        checked: true,
      });
      assert.equal(printed.err, '');
    });
  });

  it('exits 130 when it is stopped, and goes on the next time', async () => {
    await scene(async ({ server, environment }) => {
      server.faults = { hang: { file: 'model.safetensors', after: 100_000 } };
      const stop = new AbortController();
      const { io, printed } = recorder({ signal: stop.signal });
      const poll = setInterval(() => {
        if (server.downloads('model.safetensors').length > 0) stop.abort();
      }, 50);
      try {
        assert.equal(await runPull(`hf:${ID}`, io, environment), 130);
      } finally {
        clearInterval(poll);
      }
      assert.match(printed.err, /^Stopped\. Run it again to go on/);
      server.faults = {};
      assert.equal(await runPull(`hf:${ID}`, recorder().io, environment), 0);
    });
  });

  it('turns refusals into errors with an exit code', async () => {
    await scene(async ({ server, environment }) => {
      const exit = async (id: string): Promise<number> => {
        const error: unknown = await runPull(id, recorder().io, environment).catch(
          (reason: unknown) => reason,
        );
        assert.ok(error instanceof CliError, String(error));
        return error.exit;
      };
      assert.equal(await exit('gpt2'), 2);
      assert.equal(await exit('hf:no/such'), 1);
      server.faults = { flip: { file: 'config.json', times: 1 } };
      assert.equal(await exit(`hf:${ID}`), 3);
    });
  });

  it('shows bytes in decimal units', () => {
    assert.deepEqual([0, 999, 1000, 1_550_000, 2e9, 3e15].map(showBytes), [
      '0 B',
      '999 B',
      '1.0 kB',
      '1.6 MB',
      '2.0 GB',
      '3000.0 TB',
    ]);
  });
});
