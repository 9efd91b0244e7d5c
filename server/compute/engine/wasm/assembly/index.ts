/** Entry points of the kernels: `run` does all chunks of a job, `serve` is a worker's life. */
export { run, serve, setup } from './threads';
