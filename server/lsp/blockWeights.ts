/** What a run says of an open config's blocks, for the client's decorations. */
import type { BlockWeights, ServerNotifications } from '../contract/editor';
import { blockAnchors, blockCount } from '../language/editor/blocks';
import { componentNames, dataAt } from '../language/editor/entries';
import { blockEntry } from '../language/editor/mixtureState';
import type { RunWeights } from '../language/editor/runWeights';
import type { CheckedConfig } from '../language/checkConfig';

type Message = ServerNotifications['manticore/blockWeights'];

/**
 * The blocks that have a line of their own, in the order of the text. Of the others `hybrid.blocks` shows one, if it is
 * the only one: many would follow each other on one line, where the inlay hint says their mean.
 */
export function blockWeightsOf(
  checked: CheckedConfig,
  weights: RunWeights | undefined,
): Pick<Message, 'blocks' | 'source'> {
  const source = weights?.source ?? 'config';
  const count = blockCount(checked);
  const names = componentNames(checked.document);
  if (count === undefined || names.length === 0) return { blocks: [], source };
  const anchors = blockAnchors(checked);
  const own = new Set(anchors.map(({ block }) => block));
  const rest = Array.from({ length: count }, (_, index) => index + 1).filter(
    (block) => !own.has(block),
  );
  const others = rest.length === 1 ? rest : [];
  const blocks = anchors.flatMap(({ block, line }) =>
    (block === undefined ? others : [block]).map((number) => ({
      block: number,
      line,
      ...(weights ? ofRun(weights, names, number) : ofConfig(checked, names, number)),
    })),
  );
  return { blocks, source };
}

type Said = Pick<BlockWeights, 'components' | 'pinned'>;

function ofRun(weights: RunWeights, names: readonly string[], block: number): Said {
  const { alphas, before, pruned, pinned } = weights;
  const row = block - 1;
  return {
    components: names.map((name) => {
      const column = weights.components.indexOf(name);
      const alpha = alphas[row]?.[column];
      const earlier = before?.[row]?.[column];
      return {
        name,
        alpha,
        trend: alpha === undefined || earlier === undefined ? undefined : alpha - earlier,
        pruned: pruned[row]?.[column] === true,
      };
    }),
    pinned: pinned[row] === true,
  };
}

/** Before a run: what the text pins and prunes. */
function ofConfig({ document }: CheckedConfig, names: readonly string[], block: number): Said {
  const entry = blockEntry(document.data, block);
  const prune = dataAt(entry, ['prune']);
  const pruned: readonly unknown[] = Array.isArray(prune) ? prune : [];
  return {
    components: names.map((name) => ({
      name,
      alpha: undefined,
      trend: undefined,
      pruned: pruned.includes(name),
    })),
    pinned: dataAt(entry, ['pin']) != null,
  };
}
