/** Building a family's list of tensors: names, prefixes, shapes, inits. */
import type { TensorInit, TensorPlace, TensorSpec } from './architecture';

export const normal = (std: number): TensorInit => ({ kind: 'normal', std });
export const constant = (value: number): TensorInit => ({ kind: 'constant', value });
export const uniform = (bound: number): TensorInit => ({ kind: 'uniform', bound });

/** Gathers tensors of one model in file order. */
export class TensorList {
  readonly specs: TensorSpec[] = [];

  /** @param prefix what a causal language model's file puts before the names of the base model */
  constructor(private readonly prefix: string) {}

  /** A weight matrix (or table, or filter bank): decays. @param others names that it has in some files */
  matrix(
    place: TensorPlace,
    name: string,
    shape: readonly number[],
    init: TensorInit,
    others: readonly string[] = [],
  ): void {
    this.push(place, name, shape, init, true, others);
  }

  /** A bias, gain or other tensor that weight decay leaves alone. */
  vector(place: TensorPlace, name: string, shape: readonly number[], init: TensorInit): void {
    this.push(place, name, shape, init, false);
  }

  /** `name.weight` and `name.bias` of a LayerNorm. */
  layerNorm(place: TensorPlace, name: string, width: number): void {
    this.vector(place, `${name}.weight`, [width], constant(1));
    this.vector(place, `${name}.bias`, [width], constant(0));
  }

  /** The weights of an untied head: they stand outside the prefix. */
  head(name: string, shape: readonly number[], init: TensorInit, aliases: readonly string[]): void {
    this.specs.push({
      name,
      shape,
      place: { kind: 'head' },
      decay: true,
      aliases,
      fileName: name,
      init,
    });
  }

  private push(
    place: TensorPlace,
    name: string,
    shape: readonly number[],
    init: TensorInit,
    decay: boolean,
    others: readonly string[] = [],
  ): void {
    const fileName = this.prefix + name;
    const aliases = [fileName, ...others];
    this.specs.push({ name, shape, place, decay, aliases, fileName, init });
  }
}
