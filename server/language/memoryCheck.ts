/** Whether the plan fits the engine's memory. */
import type { Plan } from '../contract/plan';
import { formatBytes } from './format';
import type { Report } from './report';

/** What the wasm engine's one shared memory holds: Node refuses a whole 4 GiB, and each thread has room of its own. */
const WASM_MEMORY = 3.7 * 2 ** 30;

export function checkMemory(report: Report, plan: Plan): void {
  const { name, memoryLimit } = plan.config.engine;
  const { peak } = plan.memory;
  const ownLimit = name === 'wasm' || name === 'auto' ? WASM_MEMORY : Infinity;
  const limit = Math.min(memoryLimit ?? Infinity, ownLimit);
  if (peak <= limit) return;
  const isOptional = name === 'auto' && (memoryLimit === undefined || peak <= memoryLimit);
  const holder = limit === memoryLimit ? '`engine.memoryLimit` allows' : 'the wasm engine holds';
  const smaller = 'a smaller `batch` (and a larger `accumulate`) or `context`';
  const way = isOptional
    ? `it will run only where another engine is installed (see \`manticore engines\`), or take ${smaller}.`
    : `take ${smaller}${limit === memoryLimit ? ', or allow more' : ', or another engine'}.`;
  const at = ['engine', 'memoryLimit'];
  const path = report.isWritten(at) && limit === memoryLimit ? at : nearest(report);
  report.add(path, {
    code: 'memory',
    severity: isOptional ? 'warning' : 'error',
    message: `This needs about ${formatBytes(peak)}, and ${holder} ${formatBytes(limit)}: ${way}`,
    part: path.join() === 'search' ? 'key' : 'value',
  });
}

function nearest(report: Report): readonly string[] {
  const places = [['engine', 'name'], ['engine'], ['search', 'batch'], ['search']];
  return places.find((path) => report.isWritten(path)) ?? ['search'];
}
