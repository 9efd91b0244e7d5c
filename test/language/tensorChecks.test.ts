/** What model files and other runs hold, against what config and plan want. */
import assert from 'node:assert/strict';
import { checkConfig } from '../../server/language/checkConfig';
import type { TensorHeader } from '../../server/models/modelReader';
import {
  fakeReader,
  headersOf,
  model,
  quickDisk,
  tinyMamba,
  tokenizer,
  type FakeDisk,
} from './fakeReader';
import { expectProblem, problemsOf, quickConfig } from './marked';

const withMamba = (finding: NonNullable<FakeDisk['models']>[string]): FakeDisk => ({
  ...quickDisk,
  models: { ...quickDisk.models, './mamba': finding },
});
const atMamba = quickConfig({
  components: '  neox: { source: ./neox }\n  mamba: { source: |./mamba| }',
});

describe('the tensors of a model', () => {
  it('tensors that are missing, misshapen or of a type that isn’t read', async () => {
    const tensors = headersOf(tinyMamba);
    const changed = (change: (index: number) => object) =>
      withMamba(
        model(tinyMamba, {
          tensors: tensors.map((tensor, index) => ({ ...tensor, ...change(index) })),
        }),
      );
    await expectProblem(
      atMamba,
      'missing-tensor',
      withMamba(model(tinyMamba, { tensors: tensors.slice(1) })),
    );
    await expectProblem(
      atMamba,
      'tensor-shape',
      changed((index) => (index === 3 ? { shape: [1, 2] } : {})),
    );
    const problem = await expectProblem(
      atMamba,
      'tensor-type',
      changed(() => ({ dtype: 'I8' })),
    );
    assert.match(problem.message, /and \d+ more/);
  });

  it('tensors that the config has no place for', async () => {
    const more = { name: 'backbone.layers.9.norm.weight', dtype: 'F32', shape: [24] };
    const disk = withMamba(model(tinyMamba, { tensors: [...headersOf(tinyMamba), more] }));
    const problem = await expectProblem(atMamba, 'unknown-tensor', disk);
    assert.equal(problem.severity, 'warning');
    assert.match(problem.message, /backbone\.layers\.9\.norm\.weight/);
    // A tied head's copy of the embeddings is no news.
    const head = { name: 'lm_head.weight', dtype: 'F32', shape: [40, 24] };
    const tied = withMamba(model(tinyMamba, { tensors: [...headersOf(tinyMamba), head] }));
    assert.deepEqual(await problemsOf(atMamba.replaceAll('|', ''), tied), []);
  });
});

describe('another run’s projectors', () => {
  const from = quickConfig({ hybrid: '  blocks: 2\n  projectors: { from: |runs/one| }' });
  const result = async (change: (tensor: TensorHeader) => TensorHeader | undefined) => {
    const { plan } = await checkConfig(quickConfig(), {
      name: 'one',
      base: '/base',
      reader: fakeReader(),
    });
    const tensors = plan!.tensors.flatMap(
      ({ name, shape }) => change({ name, shape, dtype: 'F32' }) ?? [],
    );
    return { kind: 'found', tensors, tokenizer: tokenizer() } as const;
  };
  const disk = (one: NonNullable<FakeDisk['results']>[string]): FakeDisk => ({
    ...quickDisk,
    results: { 'runs/one': one },
  });
  const same = (tensor: TensorHeader) => tensor;

  it('from a run of the same components', async () => {
    assert.deepEqual(await problemsOf(from.replaceAll('|', ''), disk(await result(same))), []);
  });

  it('a run that isn’t there, or is damaged', async () => {
    await expectProblem(from, 'missing-file');
    await expectProblem(from, 'damaged-model', disk({ kind: 'damaged', message: 'Cut off.' }));
  });

  it('projectors that it lacks; component weights are not asked of it', async () => {
    const isProjector = ({ name }: TensorHeader) => name.startsWith('projectors/');
    const only = await result((tensor) => (isProjector(tensor) ? tensor : undefined));
    assert.deepEqual(await problemsOf(from.replaceAll('|', ''), disk(only)), []);
    const without = await result((tensor) => (isProjector(tensor) ? undefined : tensor));
    const problem = await expectProblem(from, 'projectors-missing', disk(without));
    assert.match(problem.message, /projectors\/neox\/1\/in\.weight; .*and \d+ more/);
  });

  it('other shapes, another tokenizer', async () => {
    const wider = await result(({ name, shape, dtype }) => ({
      name,
      dtype,
      shape: name === 'projectors/neox/1/in.weight' ? [16, 99] : shape,
    }));
    const problem = await expectProblem(from, 'tensor-shape', disk(wider));
    assert.match(problem.message, /\[16, 99\], not \[16, 24\]/);
    const other = { ...(await result(same)), tokenizer: tokenizer(40, 'b'.repeat(64)) };
    await expectProblem(from, 'projectors-tokenizer', disk(other));
  });
});
