/** The families' block functions by name. */
import type { FamilyName } from '../../models/architecture';
import type { FamilyBlocks } from './family';
import { gpt2 } from './gpt2';
import { gptNeo } from './gptNeo';
import { gptNeox } from './gptNeox';
import { llama } from './llama';
import { mamba } from './mamba';
import { mamba2 } from './mamba2';
import { stack } from './stack';

const BLOCKS: Readonly<Record<FamilyName, FamilyBlocks>> = {
  gpt2,
  gptNeo,
  gptNeox,
  llama,
  mamba,
  mamba2,
  stack,
};

export function familyBlocks(name: FamilyName): FamilyBlocks {
  return BLOCKS[name];
}
