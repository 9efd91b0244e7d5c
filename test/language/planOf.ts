/** The plan of a config without errors, for tests. */
import assert from 'node:assert/strict';
import type { Plan } from '../../server/contract/plan';
import { checkConfig } from '../../server/language/checkConfig';
import { fakeReader, quickDisk, type FakeDisk } from './fakeReader';

export async function planOf(text: string, disk: FakeDisk = quickDisk): Promise<Plan> {
  const { plan, problems } = await checkConfig(text, {
    name: 'test',
    base: '/base',
    reader: fakeReader(disk),
  });
  assert.ok(plan, JSON.stringify(problems));
  return plan;
}
