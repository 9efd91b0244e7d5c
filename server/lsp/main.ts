/**
 * The language server's entry: over IPC or standard input and output, as its arguments say. The same file is the process
 * that reads the disk for it.
 */
import { DISK_PROCESS } from './disk/diskProtocol';

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
