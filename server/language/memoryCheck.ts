/** Whether the plan fits the engine's memory. */
import type { Plan, PlanMemory } from '../contract/plan';
import { formatBytes } from './format';
import { memoryLimit } from './memoryLimit';
import type { Report } from './report';

export function checkMemory(report: Report, plan: Plan): void {
  const { engine } = plan.config;
  const { peak, checkpointing } = plan.memory;
  const limit = memoryLimit(plan.config);
  if (peak <= limit.bytes) return;
  const isOptional =
    engine.name === 'auto' && (engine.memoryLimit === undefined || peak <= engine.memoryLimit);
  const holder = limit.isWritten ? '`engine.memoryLimit` allows' : 'the wasm engine holds';
  const smaller = smallerWays(plan.memory, limit.bytes);
  const way = isOptional
    ? `it will run only where another engine is installed (see \`manticore engines\`), or take ${smaller}.`
    : `take ${smaller}${limit.isWritten ? ', or allow more' : ', or another engine'}.`;
  const at = ['engine', 'memoryLimit'];
  const path = report.isWritten(at) && limit.isWritten ? at : nearest(report);
  report.add(path, {
    code: 'memory',
    severity: isOptional ? 'warning' : 'error',
    message: `This needs about ${formatBytes(peak)}${checkpointing ? ' with gradient checkpointing' : ''}, and ${holder} ${formatBytes(limit.bytes)}: ${way}`,
    part: path.join() === 'search' ? 'key' : 'value',
  });
}

/** `auto` has taken checkpointing already where it is enough. */
function smallerWays({ checkpointing, otherPeak }: PlanMemory, limit: number): string {
  const smaller = 'a smaller `batch` (and a larger `accumulate`) or `context`';
  if (checkpointing) return smaller;
  return otherPeak <= limit
    ? `gradient checkpointing (\`search.checkpointing: auto\`: ${formatBytes(otherPeak)}), ${smaller}`
    : `${smaller} (gradient checkpointing alone comes to ${formatBytes(otherPeak)})`;
}

function nearest(report: Report): readonly string[] {
  const places = [['engine', 'name'], ['engine'], ['search', 'batch'], ['search']];
  return places.find((path) => report.isWritten(path)) ?? ['search'];
}
