/**
 * Our side of the benchmark: the product's own jobs, hybrids and engine, behind the requests of `protocol.ts`.
 * Arguments: the row's folder, and a tier of the kernels or nothing.
 */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { Engine } from '../../../server/compute/engine/engine';
import { openEngine } from '../../../server/compute/engine/engine';
import { openPlannedEngine } from '../../../server/compute/process/runEngine';
import type { Answers, Ask } from './protocol';
import { profiled } from './kernelProfile';
import { residentBytes, peakResidentBytes, resetPeak } from './processMemory';
import { planOf, type Scene } from './scene';
import { generationWork } from './oursGeneration';
import { scanWork, type ScanScene } from './oursScan';
import { trainingWork } from './oursTraining';

/** What is measured: made once, then asked. */
export interface Work {
  /** The first steps; numbers that the peer must have too. */
  readonly check: (count: number) => Promise<readonly number[]>;
  /** Steps, tokens, or passes at each length. */
  readonly repeat: (count: number) => Promise<void>;
  readonly turn: () => Promise<readonly number[]>;
}

class Session {
  private base = 0;
  private work: Work | undefined;
  private engine: Engine | undefined;

  constructor(
    private readonly scene: Scene | ScanScene,
    private readonly tier: string | undefined,
  ) {}

  async answer(ask: Ask): Promise<Answers[Ask['do']]> {
    switch (ask.do) {
      case 'load':
        return this.load();
      case 'check':
        return this.check(ask.count);
      case 'turn':
        return { milliseconds: await this.made.work.turn() };
      case 'profile':
        return profiled(() => this.made.work.repeat(ask.count), ask.count);
    }
  }

  private get made() {
    if (!this.work || !this.engine) throw new Error('asked before `load`');
    return { work: this.work, engine: this.engine };
  }

  private async load(): Promise<Answers['load']> {
    this.base = residentBytes() ?? 0;
    const { scene, tier } = this;
    const used = {
      ...{ name: 'wasm', device: '', tier: tier ?? '' },
      ...{ threads: scene.threads, node: process.version },
    };
    if (scene.kind === 'scan') {
      this.engine = await openEngine('wasm', {
        threads: scene.threads,
        ...(tier === undefined ? {} : { tier }),
      });
      this.work = scanWork(scene);
    } else {
      const plan = await planOf(scene.config);
      this.engine = await openPlannedEngine(plan, used);
      this.work = await (scene.kind === 'training' ? trainingWork : generationWork)(plan, scene);
    }
    const { version, threads } = this.engine;
    return {
      versions: {
        node: process.version,
        engine: version,
        tier: this.engine.tier,
        threads: String(threads),
      },
    };
  }

  private async check(count: number): Promise<Answers['check']> {
    const { work, engine } = this.made;
    resetPeak();
    engine.resetPeak();
    const values = await work.check(count);
    const peak = peakResidentBytes();
    return {
      values,
      memoryBytes: peak === undefined ? null : peak - this.base,
      processBytes: peak ?? null,
      tensorBytes: engine.peakBytes(),
    };
  }
}

async function main([folder, tier]: readonly string[]): Promise<void> {
  const scene = JSON.parse(await readFile(path.join(folder!, 'row.json'), 'utf8')) as
    Scene | ScanScene;
  const session = new Session(scene, tier);
  for await (const line of createInterface({ input: process.stdin })) {
    const answer = await session.answer(JSON.parse(line) as Ask);
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
}

await main(process.argv.slice(2));
process.exit(0);
