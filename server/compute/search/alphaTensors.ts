/**
 * What the tape sees of α: one scalar variable for each (block, component) that is searched; constants for the rest. The
 * gradients that come out are ∂L/∂α; `alphaUpdate.ts` takes them back to a, in float64.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { MixtureRow, MixtureWeight } from '../hybrid/mixture';
import { isSearched } from './architecture';
import type { ArchitectureState } from './architecture';

/** Owns the variables: made at first use, values put in at every step. */
export class AlphaTensors {
  private readonly held = new Map<string, tf.Variable>();
  private active: { readonly block: number; readonly component: number; variable: tf.Variable }[] =
    [];

  /**
   * Rows for a forward pass whose gradients with respect to α are wanted. An α that float32 can't tell from 0 is a
   * constant 0: not computed, gradient 0.
   */
  rows(state: ArchitectureState, alphas: readonly (readonly number[])[]): MixtureRow[] {
    this.active = [];
    return alphas.map((alpha, block) =>
      alpha.map((value, component): MixtureWeight => {
        if (!isSearched(state, block) || Math.fround(value) === 0) return value;
        const variable = this.variableFor(block, component);
        const fresh = tf.scalar(value, 'float32');
        variable.assign(fresh);
        fresh.dispose();
        this.active.push({ block, component, variable });
        return variable as tf.Variable & tf.Scalar;
      }),
    );
  }

  /** The variables of the last `rows`, in the order in which `spread` expects their gradients. */
  get variables(): tf.Variable[] {
    return this.active.map(({ variable }) => variable);
  }

  /** Gradients by position of `variables` as a table [N][K], 0 where there is none. */
  spread(gradients: readonly number[], blocks: number, components: number): number[][] {
    const table = Array.from({ length: blocks }, () => new Array<number>(components).fill(0));
    this.active.forEach(({ block, component }, index) => {
      table[block]![component] = gradients[index]!;
    });
    return table;
  }

  dispose(): void {
    for (const variable of this.held.values()) variable.dispose();
    this.held.clear();
    this.active = [];
  }

  private variableFor(block: number, component: number): tf.Variable {
    const key = `${block}/${component}`;
    let variable = this.held.get(key);
    if (variable === undefined) {
      const initial = tf.scalar(0, 'float32');
      variable = tf.variable(initial);
      initial.dispose();
      this.held.set(key, variable);
    }
    return variable;
  }
}

/** The same α without gradients: evaluation, and steps that update θ alone. */
export function constantRows(alphas: readonly (readonly number[])[]): MixtureRow[] {
  return alphas.map((alpha) => alpha.map((value) => (Math.fround(value) === 0 ? 0 : value)));
}
