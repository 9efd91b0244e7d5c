/** The families' block functions by name. */
import type { FamilyName } from '../../models/architecture';
import type { FamilyBlocks } from './family';
import { gpt2 } from './gpt2';
import { gptNeo } from './gptNeo';
import { gptNeox } from './gptNeox';
import { mamba } from './mamba';

const BLOCKS: Readonly<Record<FamilyName, FamilyBlocks>> = { gpt2, gptNeo, gptNeox, mamba };

export function familyBlocks(name: FamilyName): FamilyBlocks {
  return BLOCKS[name];
}
