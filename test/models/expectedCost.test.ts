/** Costs of (component, block) pairs beside what the plan says that each component costs alone. */
import assert from 'node:assert/strict';
import { planCosts } from '../../server/compute/search/hybridModel';
import { computedCost, expectedCost, totalCost } from '../../server/report/expectedCost';
import { quickConfig } from '../language/marked';
import { planOf } from '../language/planOf';

describe('costs of pairs', () => {
  for (const head of ['first', 'last']) {
    it(`a one-hot α costs what its component costs alone; head ${head}`, async () => {
      const plan = await planOf(quickConfig({ hybrid: `  blocks: 3\n  head: ${head}` }));
      const { ofPairs } = planCosts(plan);
      const [flops, parameters] = [ofPairs('flops'), ofPairs('parameters')];
      plan.components.forEach((component, m) => {
        const alphas = plan.blocks.map(() => plan.components.map((_, k) => Number(k === m)));
        assert.equal(expectedCost(alphas, flops), component.flopsPerToken);
        assert.equal(expectedCost(alphas, parameters), component.parameters);
      });
      const soft = plan.blocks.map(({ initial }) => initial);
      assert.equal(computedCost(soft, flops), totalCost(flops));
      assert.equal(expectedCost(soft, flops), totalCost(flops) / 2);
    });
  }

  it('what is pruned costs nothing', async () => {
    const plan = await planOf(
      quickConfig({ hybrid: '  blocks: 2\n  mixture: { 1: { prune: [mamba] } }' }),
    );
    const { ofPairs } = planCosts(plan);
    assert.equal(ofPairs('flops')[0]![1], 0);
    assert.equal(ofPairs('parameters')[0]![1], 0);
  });
});
