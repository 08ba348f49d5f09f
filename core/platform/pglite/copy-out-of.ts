import { randomBytes } from 'node:crypto';
import { closeSync, openSync, unlinkSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PGlite } from '@electric-sql/pglite';
import { fileError } from '../node-file-system.ts';
import { FLOW_ABANDONED, FLOW_UNREAD, type PgliteReply, type Spill } from './messages.ts';
import { createCopyOutReader, scriptFrames, syncFrame } from './wire-frames.ts';

/** Bytes of one message to the reader: large enough that its cost does not show. */
const CHUNK_BYTES = 256 * 1024;

/** Bytes sent and not read before the rest of a result goes to a file. Bounds the memory of a slow reader. */
export const COPY_OUT_UNREAD_BYTES_MAX = 16 * 1024 * 1024;

/**
 * Runs a COPY … TO STDOUT and sends its data as it comes. The engine cannot pause within a statement and every other
 * caller waits for it, so a reader that falls behind does not stop it: what it has no room for goes to a temporary file
 * that has no name and vanishes with the process. Errors: `DISK_FULL`, `IO_FAILED`.
 */
export async function copyOutOf(
  engine: PGlite,
  request: { readonly statement: string; readonly flow: SharedArrayBuffer },
  send: (bytes: Uint8Array) => void,
): Promise<PgliteReply> {
  const flow = new Int32Array(request.flow);
  let chunk = new Uint8Array(CHUNK_BYTES);
  let filled = 0;
  let spill: Spill | null = null;
  let failure: unknown;

  const pass = () => {
    const bytes = chunk.subarray(0, filled);
    filled = 0;
    if (bytes.length === 0 || failure !== undefined || Atomics.load(flow, FLOW_ABANDONED) === 1) return;
    if (!spill && Atomics.load(flow, FLOW_UNREAD) < COPY_OUT_UNREAD_BYTES_MAX) {
      Atomics.add(flow, FLOW_UNREAD, bytes.length);
      send(bytes);
      chunk = new Uint8Array(CHUNK_BYTES);
      return;
    }
    // An exception must not pass through the engine: it is kept until the statement has ended.
    try {
      spill ??= { fd: openNameless(), byteCount: 0 };
      writeAll(spill.fd, bytes);
      spill = { fd: spill.fd, byteCount: spill.byteCount + bytes.length };
    } catch (error) {
      failure = error;
    }
  };

  const reader = createCopyOutReader((bytes) => {
    let taken = 0;
    while (taken < bytes.length) {
      const part = bytes.subarray(taken, taken + chunk.length - filled);
      chunk.set(part, filled);
      filled += part.length;
      taken += part.length;
      if (filled === chunk.length) pass();
    }
  });
  await engine.execProtocolRawStream(scriptFrames(request.statement), { onRawData: (data) => reader.push(data) });
  // PGlite 0.5.14 keeps `onRawData` for the next call, whose answer would be lost: let that be one without an answer.
  await engine.execProtocol(syncFrame());
  if (!reader.refusal) pass();
  const error = failure;
  if (spill && (error !== undefined || reader.refusal || Atomics.load(flow, FLOW_ABANDONED) === 1)) {
    closeSync((spill as Spill).fd);
    spill = null;
  }
  if (error !== undefined) throw fileError(error, 'write a temporary file in', tmpdir());
  if (reader.refusal) return { kind: 'refused', error: reader.refusal };
  return { kind: 'copied', spill };
}

function openNameless(): number {
  const path = join(tmpdir(), `granary-copy-${randomBytes(8).toString('hex')}.tmp`);
  const fd = openSync(path, 'wx+', 0o600);
  unlinkSync(path);
  return fd;
}

function writeAll(fd: number, bytes: Uint8Array): void {
  for (let written = 0; written < bytes.length;) written += writeSync(fd, bytes, written);
}
