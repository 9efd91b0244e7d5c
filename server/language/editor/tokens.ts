/** Semantic tokens: what each word of a config means. */
import { isScalar } from 'yaml';
import type { Scalar } from 'yaml';
import type { TextSpan } from '../../contract/problem';
import type { CheckedConfig } from '../checkConfig';
import type { Path } from '../configDocument';
import { configSchema } from '../schema';
import { keysAt, schemasAt, valuesAt } from '../schemaWalk';
import { entriesOf, fits, type Entry } from './entries';
import { isDefinition, keysNameComponents, namesComponent } from './names';

export interface SemanticToken {
  readonly span: TextSpan;
  readonly type: 'keyword' | 'property' | 'component' | 'enumMember' | 'number' | 'string';
  /** Where a component gets its name. */
  readonly declaration: boolean;
}

/** In the order of the text, each on one line, none over another. */
export function semanticTokens(checked: CheckedConfig): readonly SemanticToken[] {
  const { text } = checked.document;
  const tokens = entriesOf(checked.document)
    .filter(({ through }) => !through)
    .flatMap(tokensOf)
    .filter(({ span }) => span.end > span.start && !/[\r\n]/.test(text.slice(span.start, span.end)))
    .sort((a, b) => a.span.start - b.span.start);
  let end = 0;
  return tokens.filter(({ span }) => {
    if (span.start < end) return false;
    end = span.end;
    return true;
  });
}

function tokensOf(entry: Entry): readonly SemanticToken[] {
  const { path, key, keyNode, node, value } = entry;
  const declaration = isDefinition(path);
  const found: SemanticToken[] = [];
  if (key && keyNode) found.push({ span: key, type: keyType(path), declaration });
  if (isScalar(node)) {
    const type = valueType(path, node);
    if (type) found.push({ span: value, type, declaration: false });
  }
  return found;
}

function keyType(path: Path): SemanticToken['type'] {
  const parent = path.slice(0, -1);
  if (isDefinition(path) || keysNameComponents(parent)) return 'component';
  if (fits(path, ['hybrid', 'mixture', '*'])) return 'number';
  const isTop = path.length === 1 && keysAt(configSchema, []).includes(path[0]!);
  return isTop ? 'keyword' : 'property';
}

function valueType(path: Path, { value }: Scalar): SemanticToken['type'] | undefined {
  if (namesComponent(path) && typeof value === 'string') return 'component';
  if (typeof value === 'number' || typeof value === 'bigint') return 'number';
  if (typeof value === 'boolean') return 'enumMember';
  if (typeof value !== 'string') return undefined;
  if (valuesAt(configSchema, path).includes(value)) return 'enumMember';
  return schemasAt(configSchema, path).length > 0 || isHubField(path) ? 'string' : undefined;
}

const isHubField = (path: Path) =>
  (path[0] === 'components' && path[2] === 'config') ||
  (path[0] === 'baselines' && path[3] === 'config');
