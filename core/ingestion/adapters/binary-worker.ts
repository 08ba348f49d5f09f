/**
 * The thread that decodes one Parquet or Arrow file. The decoders trust what they read: a damaged file may trap the
 * WebAssembly module for good, or make a reader build arrays without end. Here that ends this thread and nothing else.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { asGranaryError } from '#core/kernel/index.ts';
import type { BinaryFile, BinaryFormat, BinaryReply } from './binary-protocol.ts';

type Reader = (file: BinaryFile) => AsyncGenerator<Uint8Array>;

/** Loaded by need: either library takes longer to load than a small file to read. */
const READERS: Readonly<Record<BinaryFormat, () => Promise<Reader>>> = {
  parquet: async () => (await import('./parquet-reader.ts')).readParquet,
  'arrow-file': async () => (await import('./arrow-reader.ts')).readArrowFile,
  'arrow-stream': async () => (await import('./arrow-reader.ts')).readArrowStream,
};

const port = parentPort!;
const file = workerData as BinaryFile;
const opening = READERS[file.format]().then((read) => read(file));

async function next(): Promise<BinaryReply> {
  try {
    const pieces = await opening;
    const { done, value } = await pieces.next();
    return done ? { kind: 'end' } : { kind: 'piece', ipc: value };
  } catch (error) {
    const { code, message, details } = asGranaryError(error);
    return { kind: 'error', code, message, details };
  }
}

/** Each message asks for one piece more, so that no more is decoded than is wanted. */
port.on('message', async () => {
  const reply = await next();
  port.postMessage(reply, reply.kind === 'piece' ? [reply.ipc.buffer as ArrayBuffer] : []);
});
