/** A hybrid's trainable tensors: by name, in a fixed order, parked when a component leaves a block. */
import * as tf from '@tensorflow/tfjs-core';
import type { PlanTensor } from '../../contract/plan';

export interface Parameter {
  /** `components/<component>/<canonical name>` or `projectors/<component>/<block from 1>/<side>.weight`, … */
  readonly name: string;
  readonly variable: tf.Variable;
  /** AdamW's decoupled decay applies. */
  readonly decay: boolean;
  /** Position of its component; `undefined`: a classifier's head, which stays whatever is pruned. */
  readonly component: number | undefined;
  /** Block from 0, or where it lies outside the blocks. */
  readonly place: PlanTensor['place'];
}

/** What decides whether a tensor is needed. */
export interface ParameterLayout {
  /** Block (from 0) whose α mixes the heads. */
  readonly headBlock: number;
  /** Whether component m has a head, and it is its embedding table. */
  readonly tied: readonly boolean[];
  /** `live[block][component]`: false where pruned from the start. */
  readonly live: readonly (readonly boolean[])[];
}

/** Owns one `tf.Variable` for each tensor that is needed; all are float32. */
export class ParameterStore {
  /** Rows of a component's own tables beyond V, dropped at load, by parameter name: exports put them back. */
  readonly surplus = new Map<string, Float32Array>();
  private readonly held = new Map<string, Parameter>();
  private readonly live: boolean[][];

  /**
   * Empty at first: `fill` gives every tensor its values.
   * @param specs every tensor of the hybrid; their order is the order of `list`
   */
  constructor(
    readonly specs: readonly PlanTensor[],
    private readonly layout: ParameterLayout,
  ) {
    this.live = layout.live.map((row) => [...row]);
  }

  /** First values of a tensor, row-major. @throws Error for a name twice, or a wrong number of values */
  fill(spec: PlanTensor, data: Float32Array): void {
    if (this.held.has(spec.name)) throw new Error(`${spec.name} has values already`);
    this.hold(spec, data);
  }

  has(name: string): boolean {
    return this.held.has(name);
  }

  /** @throws Error naming the tensor when there is none, or it is parked */
  get(name: string): Parameter {
    const parameter = this.held.get(name);
    if (!parameter) throw new Error(`the hybrid holds no tensor ${name}`);
    return parameter;
  }

  /** All that aren't parked, always in the same order. */
  list(): Parameter[] {
    return this.specs.flatMap((spec) => this.held.get(spec.name) ?? []);
  }

  /** Whether `component` still takes part in `block` (from 0). */
  isLive(component: number, block: number): boolean {
    return this.live[block]?.[component] ?? false;
  }

  /** A copy of the values. */
  async read(name: string): Promise<Float32Array> {
    return Float32Array.from(await this.get(name).variable.data<'float32'>());
  }

  /** Replaces the values in place. @throws Error when the length differs */
  write(name: string, data: Float32Array): void {
    const { variable } = this.get(name);
    if (data.length !== variable.size) {
      throw new Error(`${name} has ${variable.size} values, not ${data.length}`);
    }
    const value = tf.tensor(data, variable.shape, 'float32');
    variable.assign(value);
    value.dispose();
  }

  /**
   * Takes `component` out of `block` (from 0) and removes from memory what no longer is needed: its layers and
   * projectors there; the embedding table when block 1 goes, the head when the head's block goes (a tied table when both
   * have gone). Nothing has changed when a read fails; until it is done the store is not to be used.
   * @returns the removed values by name, in order
   */
  async park(component: number, block: number): Promise<Map<string, Float32Array>> {
    if (!this.isLive(component, block)) {
      throw new Error(`component ${component} isn't in block ${block + 1}`);
    }
    this.live[block]![component] = false;
    const leaving = this.list().filter(
      (parameter) => parameter.component === component && !this.isNeeded(parameter),
    );
    const parked = new Map<string, Float32Array>();
    try {
      // One after the other: each takes memory of its own while it is on its way.
      for (const { name } of leaving) parked.set(name, await this.read(name));
    } catch (error) {
      this.live[block]![component] = true;
      throw error;
    }
    for (const { name, variable } of leaving) {
      variable.dispose();
      this.held.delete(name);
    }
    return parked;
  }

  /**
   * Undoes `park`. @param parked what has been parked of this component, this block's part at least (and a tied table
   * that went with another block). @returns the names that are held again, in order
   * @throws Error when the pair wasn't parked, or a needed tensor is not in `parked`
   */
  restore(component: number, block: number, parked: ReadonlyMap<string, Float32Array>): string[] {
    if (this.isLive(component, block) || !this.layout.live[block]?.[component]) {
      throw new Error(`component ${component} wasn't parked from block ${block + 1}`);
    }
    this.live[block]![component] = true;
    const missing = this.specs.filter(
      (spec) => spec.component === component && !this.has(spec.name) && this.isNeeded(spec),
    );
    for (const spec of missing) {
      const data = parked.get(spec.name);
      if (data) continue;
      this.live[block]![component] = false;
      throw new Error(`${spec.name} isn't among the parked tensors`);
    }
    for (const spec of missing) this.hold(spec, parked.get(spec.name)!);
    return missing.map((spec) => spec.name);
  }

  /** Number of values held. */
  get size(): number {
    return this.list().reduce((sum, { variable }) => sum + variable.size, 0);
  }

  dispose(): void {
    for (const { variable } of this.held.values()) variable.dispose();
    this.held.clear();
    this.surplus.clear();
  }

  private isNeeded({ component, place }: Pick<PlanTensor, 'component' | 'place'>): boolean {
    if (component === undefined) return true;
    const { headBlock, tied } = this.layout;
    if (place === 'head') return this.isLive(component, headBlock);
    if (place !== 'embedding') return this.isLive(component, place);
    return this.isLive(component, 0) || (tied[component]! && this.isLive(component, headBlock));
  }

  private hold(spec: PlanTensor, data: Float32Array): void {
    const size = spec.shape.reduce((product, extent) => product * extent, 1);
    if (data.length !== size) {
      throw new Error(`${spec.name} has ${size} values, not ${data.length}`);
    }
    const { name, decay, component, place } = spec;
    // The variable counts a reference of its own: without the initial tensor it is the only one, free to be updated in place.
    const initial = tf.tensor(data, [...spec.shape], 'float32');
    const variable = tf.variable(initial);
    initial.dispose();
    this.held.set(name, { name, variable, decay, component, place });
  }
}
