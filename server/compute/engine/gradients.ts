/** Gradients of a scalar with respect to variables, by a walk of tfjs's tape that frees as it goes. */
import * as tf from '@tensorflow/tfjs-core';
import { accumulateInto } from './update';
import { dropSaved, record, type Checkpoint, type TapeNode } from './tape';

export interface Gradients {
  /** The value of `f`; the caller disposes it. */
  readonly value: tf.Scalar;
  /** By position of the variables; `undefined` where `f` does not depend on it. The caller disposes them. */
  readonly grads: (tf.Tensor | undefined)[];
}

/**
 * @param f makes a float32 scalar; everything else it makes is freed
 * @throws Error when the value is no scalar, or a kernel between it and a variable has no gradient
 */
export function gradients(f: () => tf.Scalar, variables: readonly tf.Variable[]): Gradients {
  const { value, tape } = record(f);
  try {
    return { value, grads: tf.tidy(() => backward(value, tape, variables)) };
  } catch (error) {
    value.dispose();
    throw error;
  } finally {
    tape.forEach(dropSaved);
  }
}

function backward(
  value: tf.Scalar,
  tape: readonly TapeNode[],
  variables: readonly tf.Variable[],
): (tf.Tensor | undefined)[] {
  if (value.size !== 1)
    throw new Error(`gradients: shape [${value.shape.join(', ')}] is no scalar`);
  const wanted = new Set(variables.map((variable) => variable.id));
  const byTensor = new Map<number, tf.Tensor>([[value.id, tf.ones(value.shape)]]);
  walkBack(tape, wanted, byTensor);
  return variables.map((variable) => byTensor.get(variable.id));
}

/** Takes the gradients of a tape's outputs back to the wanted tensors, all of them in `byTensor`. */
function walkBack(
  tape: readonly TapeNode[],
  wanted: ReadonlySet<number>,
  byTensor: Map<number, tf.Tensor>,
): void {
  const { nodes, reached } = nodesFrom(wanted, tape);
  for (let i = nodes.length - 1; i >= 0; i--) {
    const node = nodes[i]!;
    const dys = node.outputs.map((output) => byTensor.get(output.id) ?? null);
    if (dys.some((dy) => dy !== null)) {
      if (node.checkpoint) walkAgain(node, node.checkpoint, wanted, reached, byTensor);
      else stepBack(node, dys, reached, byTensor);
    }
    dropSaved(node);
    for (const output of node.outputs) {
      if (wanted.has(output.id)) continue;
      byTensor.get(output.id)?.dispose();
      byTensor.delete(output.id);
    }
  }
}

/**
 * Records a checkpointed part again and walks back over it. Gradients that are already there are added to in the same order
 * as if the part had stood on the outer tape, so that the sums have the same bits.
 */
function walkAgain(
  node: TapeNode,
  { input, kept, again }: Checkpoint,
  wanted: ReadonlySet<number>,
  reached: ReadonlySet<number>,
  byTensor: Map<number, tf.Tensor>,
): void {
  const { value, tape } = record(() => again(kept));
  rename(byTensor, node.outputs[0]!.id, value.id);
  value.dispose();
  rename(byTensor, input.id, kept.id);
  try {
    walkBack(tape, reached.has(input.id) ? new Set([...wanted, kept.id]) : wanted, byTensor);
  } finally {
    tape.forEach(dropSaved);
  }
  rename(byTensor, kept.id, input.id);
}

function rename(byTensor: Map<number, tf.Tensor>, from: number, to: number): void {
  const gradient = byTensor.get(from);
  byTensor.delete(from);
  if (gradient) byTensor.set(to, gradient);
}

/** The nodes that depend on a wanted tensor, in order, and every tensor that does; what the others saved is freed. */
function nodesFrom(
  wanted: ReadonlySet<number>,
  tape: readonly TapeNode[],
): { nodes: TapeNode[]; reached: Set<number> } {
  const reached = new Set(wanted);
  const nodes = tape.filter((node) => {
    const depends = Object.values(node.inputs).some((input) => reached.has(input.id));
    if (depends) node.outputs.forEach((output) => reached.add(output.id));
    else dropSaved(node);
    return depends;
  });
  return { nodes, reached };
}

/** Adds what one node passes back to the gradients of its inputs. */
function stepBack(
  node: TapeNode,
  dys: (tf.Tensor | null)[],
  reached: ReadonlySet<number>,
  byTensor: Map<number, tf.Tensor>,
): void {
  if (!node.gradient) throw new Error(`gradients: kernel ${node.kernelName} has no gradient`);
  const { gradient } = node;
  tf.tidy(() => {
    const inputGradients = gradient(dys);
    const passed: tf.Tensor[] = [];
    for (const [name, input] of Object.entries(node.inputs)) {
      if (!reached.has(input.id)) continue;
      const make = inputGradients[name];
      if (!make) throw new Error(`gradients: ${node.kernelName} gives none for input ${name}`);
      let dx = make();
      // A gradient handed on as it came has two owners from here: each disposes its own handle.
      if (dys.includes(dx) || passed.includes(dx)) dx = tf.clone(dx);
      const before = byTensor.get(input.id);
      if (before) {
        const sum = accumulateInto(before, dx);
        byTensor.set(input.id, sum);
        passed.push(sum);
      } else {
        byTensor.set(input.id, dx);
        passed.push(dx);
      }
    }
    return passed;
  });
}
