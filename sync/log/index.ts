export * from './check-successor.ts';
export * from './device-key.ts';
export type { Extensions } from './extensions.ts';
export type { Header, Payload } from './header.ts';
export * from './local-log.ts';
export * from './operation.ts';
export type * from './ports.ts';
