import { hash } from 'node:crypto';
import type { Sha256 } from '../chain.ts';

export const nodeSha256: Sha256 = (bytes) => hash('sha256', bytes, 'hex');
