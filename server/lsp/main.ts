/**
 * The language server's entry: over IPC or standard input and output, as its arguments say. The same file is the process
 * that reads the disk for it.
 */
import { setFlagsFromString } from 'node:v8';
import { DISK_PROCESS } from './disk/diskProtocol';

// Here and not on the command line: a V8 that doesn't know the flag goes on without it.
setFlagsFromString('--heap-growing-percent=50');

/** Each side loads only what it needs. */
async function main(): Promise<void> {
  if (process.argv.includes(DISK_PROCESS)) {
    const { serveDisk } = await import('./disk/diskProcess');
    serveDisk();
  } else {
    const { startServer } = await import('./server');
    startServer(__filename);
  }
}

void main();
