/**
 * What goes wrong on the GPU is told late and to nobody in particular. Here it is caught: everything runs inside error scopes,
 * and whoever reads numbers back learns first what happened before them.
 */
import { deviceLost, deviceOutOfMemory, kernelFailed, type EngineError } from '../errors';

const filters: readonly GPUErrorFilter[] = ['validation', 'out-of-memory', 'internal'];

/** Milliseconds in which the news of a lost device must follow an answer that failed for it. */
const NEWS_OF_LOSS = 500;

export class DeviceErrors {
  private loss: EngineError | undefined;

  /** @param inUse bytes of tensors, for the message */
  constructor(
    private readonly device: GPUDevice,
    private readonly inUse: () => number,
  ) {
    void device.lost.then(({ message, reason }) => {
      this.loss = deviceLost('webgpu', message || reason);
    });
    this.openScopes();
  }

  /** The device's loss, if that was told. */
  lost(): EngineError | undefined {
    return this.loss;
  }

  /**
   * Resolves when all that was asked of the device until now turned out well. One round trip: call it beside a read.
   * @throws EngineError `device-lost`, `out-of-memory`, or `kernel-failed` with the device's own words
   */
  async check(): Promise<void> {
    if (this.loss) throw this.loss;
    const scopes = filters.map(() => this.device.popErrorScope());
    this.openScopes();
    // The innermost scope is popped first.
    const told = Promise.all(scopes).catch(async (error: unknown) => {
      throw await this.reasonOf(error);
    });
    const [internal, memory, validation] = await told;
    const loss = this.lost();
    if (loss) throw loss;
    // A buffer that was not to be had makes all that uses it invalid: the cause first.
    if (memory) throw deviceOutOfMemory('webgpu', sayingWhere(memory.message), this.inUse());
    const error = validation ?? internal;
    if (error) throw kernelFailed('webgpu', sayingWhere(error.message));
  }

  /** Why the device did not answer: its loss where that is the reason, else `error`. */
  async reasonOf(error: unknown): Promise<unknown> {
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise((resolve) => {
      timer = setTimeout(resolve, NEWS_OF_LOSS);
    });
    await Promise.race([this.device.lost, patience]);
    clearTimeout(timer);
    return this.loss ?? error;
  }

  private openScopes(): void {
    for (const filter of filters) this.device.pushErrorScope(filter);
  }
}

/** Dawn tells the fault first, then what called what: of that the name of the program is kept. */
function sayingWhere(message: string): string {
  const lines = message.split('\n').map((line) => line.trim());
  const end = lines.findIndex((line) => line.startsWith('- While '));
  const told = end < 0 ? lines : lines.slice(0, end);
  const label = /"([^"]+)"/.exec(lines.slice(told.length).join(' '))?.[1];
  const fault = told.join(' ').replace(/\s+/g, ' ').trim().slice(0, 600);
  return label === undefined || fault.includes(label) ? fault : `${label}: ${fault}`;
}
